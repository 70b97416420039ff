"""``finfleet flower``: Flower, with a password, without buttons, and with bounded memory."""

from __future__ import annotations

import logging
import os

import click

from telemetry.errors import ConfigError
from telemetry.redact import remember
from workers.process import fleet_settings, required_broker_url

COLUMNS = "name,args,state,received,runtime,worker"
"""Target, window and attempt of a collection are its arguments, which Flower does not show by itself."""
MAX_TASKS = 10_000
_OFFLINE_AFTER = 3600
_DOORS = ("FLOWER_BASIC_AUTH", "FLOWER_AUTH")


@click.command(name="flower")
@click.option("--port", type=click.IntRange(1, 65535), default=5555, show_default=True, envvar="FLOWER_PORT")
@click.option("--address", default="127.0.0.1", show_default=True, envvar="FLOWER_ADDRESS", help="To listen on.")
@click.option("--url-prefix", default="", envvar="FLOWER_URL_PREFIX", help="Behind a proxy: the path that is Flower's.")
@click.option("--max-tasks", type=click.IntRange(100), default=MAX_TASKS, show_default=True, help="Kept in memory.")
@click.option("--control", is_flag=True, help="With buttons: whoever has the password may stop workers.")
def command(port: int, address: str, url_prefix: str, max_tasks: int, control: bool) -> None:
    """Show workers and tasks in the browser. FLOWER_BASIC_AUTH=user:password, or FLOWER_AUTH for OAuth, is required.

    Read-only, unless --control is given. Keeps nothing on disk. Runs until SIGTERM or Ctrl-C.
    """
    from tasks.app import app  # noqa: PLC0415 - it reads the configuration, which --help must not need

    required_broker_url(fleet_settings(stores=False))
    if not any(os.environ.get(door) for door in _DOORS):
        raise ConfigError(
            "environment",
            ("FLOWER_BASIC_AUTH: set it to user:password, or FLOWER_AUTH: else all see all",),
        )
    for credentials in os.environ.get("FLOWER_BASIC_AUTH", "").split(","):
        remember(credentials.partition(":")[2])
    status: object = 0
    try:
        app.start(["flower", *_options(port, address, url_prefix, max_tasks, control=control)])
    except SystemExit as end:
        status = end.code
    # Its threads would wait for a broker that is away, and hold the process up; nothing is kept that could be lost.
    logging.shutdown()
    os._exit(status if isinstance(status, int) else int(status is not None))


def _options(port: int, address: str, url_prefix: str, max_tasks: int, *, control: bool) -> list[str]:
    options = {
        "address": address,
        "port": port,
        # Else a flowerconfig.py in the current directory would be run, and could open the doors.
        "conf": os.devnull,
        "persistent": False,
        "read_only": not control,
        "max_tasks": max_tasks,
        "purge_offline_workers": _OFFLINE_AFTER,
        "tasks_columns": COLUMNS,
    }
    if url_prefix:
        options |= {"url_prefix": url_prefix.strip("/"), "xheaders": True}
    return [f"--{name}={value}" for name, value in options.items()]
