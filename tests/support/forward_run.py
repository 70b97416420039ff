"""A forwarder as a process of its own: ``DATABASE_URL=... forward_run.py ENDPOINT``; SIGTERM stops it in order."""

import os
import signal
import sys
import threading

from pydantic import SecretStr

from agents.destinations.openfinops.client import OpenFinOpsClient
from agents.destinations.openfinops.destination import OpenFinOps
from storage.database import Database
from workers.forward import Forwarder


def main() -> None:
    """Forward until told to stop."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda _number, _frame: stop.set())
    with Database(SecretStr(os.environ["DATABASE_URL"])) as database, OpenFinOpsClient(sys.argv[1]) as client:
        totals = Forwarder(database, OpenFinOps(client), stop, lambda: None, name="openfinops").run()
    sys.stdout.write(f"{totals}\n")


if __name__ == "__main__":
    main()
