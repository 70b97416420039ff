"""A forwarder of several destinations as a process: ``DATABASE_URL=... DESTINATIONS='{...}' forward_all.py``."""

import json
import os
import signal
import sys
import threading
from contextlib import ExitStack

from pydantic import SecretStr

from agents.core.destination import open_destination
from storage.database import Database
from telemetry.settings import Settings
from workers.forward import Forwarder, run_side_by_side


def main() -> None:
    """Forward until told to stop."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda _number, _frame: stop.set())
    settings = Settings.model_validate({"destinations": json.loads(os.environ["DESTINATIONS"])})
    with ExitStack() as stack:
        database = stack.enter_context(Database(SecretStr(os.environ["DATABASE_URL"]), size=12))
        forwarders = [
            Forwarder(database, stack.enter_context(open_destination(name, section)), stop, lambda: None, name=name)
            for name, section in settings.known_destinations.items()
        ]
        sys.stdout.write(f"{run_side_by_side(forwarders, stop)}\n")


if __name__ == "__main__":
    main()
