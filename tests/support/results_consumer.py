"""A program for tests that consumes a results queue until it is killed; its argument is SETTINGS.

SETTINGS is a JSON file: `url`, `name`, `claim_after`, and `seen`, a file that gets a line with each body. A line is on
the disk before its message is acknowledged.
"""

import json
import os
import sys
from pathlib import Path

from pydantic import SecretStr

from tasks.results import open_carrier


def main() -> None:
    """Receive, write down, acknowledge, for ever."""
    settings = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    carrier = open_carrier(SecretStr(settings["url"]), settings["name"])
    consumer = carrier.consumer(prefetch=32, claim_after=settings["claim_after"])
    with Path(settings["seen"]).open("ab", buffering=0) as seen:
        while True:
            found = consumer.receive(32, 1)
            if found:
                seen.write(b"".join(delivery.body + b"\n" for delivery in found))
                os.fsync(seen.fileno())
                consumer.ack(found)
