"""An ingest that ends at once when it reads a certain body, as a fault in a library would end it.

Arguments: the broker's and the database's addresses, the names of the queues of the results and of the bills, and the
body's beginning.
"""

import os
import signal
import sys
from contextlib import closing
from dataclasses import replace

from pydantic import SecretStr

from storage.database import Database
from tasks.results import open_carrier
from telemetry import codec
from telemetry.batch import Message
from tests.support.ingesting import ingest
from workers.ingest import Queues, doors
from workers.process import stop_on_signals


def main() -> None:
    """Run until SIGTERM, or the poison."""
    broker_url, database_url, results, bills, poison = sys.argv[1:]

    def decode(data: bytes) -> Message:
        if data.startswith(poison.encode()):
            os.kill(os.getpid(), signal.SIGKILL)
        return codec.decode(data)

    doors.decode = decode  # type: ignore[attr-defined]  # what it imports
    broker = SecretStr(broker_url)
    with (
        closing(open_carrier(broker, results)) as carrier,
        closing(open_carrier(broker, bills)) as beside,
        Database(SecretStr(database_url)) as database,
    ):
        replace(ingest(carrier, database), queues=Queues(carrier, beside)).run(stop_on_signals())
