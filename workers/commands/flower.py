"""``finfleet flower``: Flower, with a password, without buttons, and with bounded memory."""

from __future__ import annotations

import logging
import os

import click

from telemetry.errors import ConfigError
from telemetry.logs import fields
from telemetry.redact import remember
from workers.ending import FAILED, end, end_at_once, end_now
from workers.log_options import log_options
from workers.process import fleet_settings, required_broker

logger = logging.getLogger(__name__)

COLUMNS = "name,args,state,result,received,worker,runtime"
"""Target, window and attempt of a collection are its arguments, and what came of it is its result."""
MAX_TASKS = 10_000
_OFFLINE_AFTER = 3600
_DOORS = ("FLOWER_BASIC_AUTH", "FLOWER_AUTH")


@click.command(name="flower")
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=5555,
    show_default=True,
    envvar="FLOWER_PORT",
    help="Port to listen on.",
)
@click.option(
    "--address", default="127.0.0.1", show_default=True, envvar="FLOWER_ADDRESS", help="Address to listen on."
)
@click.option("--url-prefix", default="", envvar="FLOWER_URL_PREFIX", help="Path of Flower behind a proxy.")
@click.option(
    "--max-tasks",
    type=click.IntRange(100),
    default=MAX_TASKS,
    show_default=True,
    help="Maximum number of tasks in memory.",
)
@log_options
def command(port: int, address: str, url_prefix: str, max_tasks: int) -> None:
    """Show workers and tasks in the browser. Requires FLOWER_BASIC_AUTH=user:password, or FLOWER_AUTH for OAuth.

    Read-only: workers ignore remote control. Stores nothing on disk. Runs until SIGTERM or Ctrl-C.
    """
    import flower.command  # noqa: PLC0415 - it sets up the options of a program
    import flower.events  # noqa: PLC0415 - see above

    from tasks.app import app  # noqa: PLC0415 - it reads the configuration, which --help must not need
    from tasks.foreign.control import QuietReceiver  # noqa: PLC0415 - see above

    required_broker(fleet_settings(stores=False))
    if not any(os.environ.get(door) for door in _DOORS):
        raise ConfigError(
            "environment",
            ("FLOWER_BASIC_AUTH: set it to user:password, or FLOWER_AUTH: else all see all",),
        )
    for credentials in os.environ.get("FLOWER_BASIC_AUTH", "").split(","):
        remember(credentials.partition(":")[2])
    # Flower has no setting for either.
    flower.events.EventReceiver = QuietReceiver
    flower.command.sigterm_handler = end_now
    end_at_once()
    status: object = FAILED  # whoever stops it ends the process then and there
    try:
        logger.info("flower: http://%s:%d", address, port, extra=fields(event="started"))
        app.start(["--quiet", "flower", *_options(port, address, url_prefix, max_tasks)])
    except SystemExit as error:
        status = error.code or FAILED
    # Its threads would wait for a broker that is away, and hold the process up; nothing is kept that could be lost.
    end(status if isinstance(status, int) else FAILED)


def _options(port: int, address: str, url_prefix: str, max_tasks: int) -> list[str]:
    options = {
        "address": address,
        "port": port,
        # Else a flowerconfig.py in the current directory would be run, and could open the doors.
        "conf": os.devnull,
        "persistent": False,
        # Else Tornado would write lines of its own form.
        "logging": "none",
        "read_only": True,
        "max_tasks": max_tasks,
        "purge_offline_workers": _OFFLINE_AFTER,
        "tasks_columns": COLUMNS,
    }
    if url_prefix:
        options |= {"url_prefix": url_prefix.strip("/"), "xheaders": True}
    return [f"--{name}={value}" for name, value in options.items()]
