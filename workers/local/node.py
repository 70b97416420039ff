"""Celery as a child of `finfleet up`: ``python -m workers.local.node worker|beat|flower ...``.

The same as ``celery -A tasks.app ...``, except that it takes no module from the current directory, which is the user's,
says when it is ready, and that a beat ticks everything once when it starts.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

from celery.signals import beat_init, worker_ready

from tasks.app import app
from workers.process import HEARTBEAT_VARIABLE

logger = logging.getLogger(__name__)


def _ready(**_: object) -> None:
    path = os.environ.get(HEARTBEAT_VARIABLE)
    if path:
        Path(path).touch(mode=0o600)


def _tick_once(**_: object) -> None:
    """Send every entry of the schedule: else a first start waits a whole interval.  A double tick is harmless."""
    for name, entry in app.conf.beat_schedule.items():
        logger.info("first tick: %s", name)
        app.send_task(entry["task"], entry["args"], **entry["options"])
    _ready()


worker_ready.connect(_ready)
beat_init.connect(_tick_once)


def main() -> None:
    """Run the Celery command that the arguments name."""
    sys.exit(app.start(sys.argv[1:]))


if __name__ == "__main__":
    main()
