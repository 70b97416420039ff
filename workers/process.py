"""What the long-running processes have in common: settings and servers, signals, the sign of life."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from pydantic import SecretStr

from storage.database import Database
from storage.timeouts import USUAL, Timeouts
from telemetry.broker import Address
from telemetry.errors import ConfigError
from telemetry.logs import fields
from telemetry.settings import Settings, load_settings
from telemetry.stopping import set_from_handler
from workers.health.heartbeat import Heartbeat

logger = logging.getLogger(__name__)

T = TypeVar("T")

_UP_HERE = Path(".finfleet") / "up.json"


def fleet_settings(*, forwards: bool = False, stores: bool = True) -> Settings:
    """The configuration, without the credentials of any provider.

    With the secrets of destinations where this one ``forwards``; with the database's address where it ``stores``.
    """
    return load_settings(providers=(), forwards=forwards, stores=stores)


def open_database(
    settings: Settings, application: str, size: int = 4, wait: float = 10.0, timeouts: Timeouts = USUAL
) -> Database:
    """The database, as :class:`Database` describes it; ConfigError where none is configured."""
    url = required_database_url(settings)
    return Database(url, application=application, size=size, wait=wait, timeouts=timeouts)


def required_database_url(settings: Settings) -> SecretStr:
    """The address of the database; ConfigError where none is configured."""
    return _required(settings.database.url, "database.url", "FINFLEET_DATABASE_URL")


def required_broker(settings: Settings) -> Address:
    """The address of the broker; ConfigError where none is configured."""
    return _required(settings.broker.address, "broker.url", "FINFLEET_BROKER_URL")


def required_signing_keys(settings: Settings) -> tuple[SecretStr, ...]:
    """The keys that attempts are signed with; ConfigError where there are none."""
    if not settings.ledger.signing_keys:
        problem = (
            "ledger.signing_keys: set it, or the environment variable FINFLEET_SIGNING_KEYS, to the same for planner"
        )
        raise ConfigError("configuration", (f"{problem} and ingest; `openssl rand -hex 32` makes one",))
    return settings.ledger.signing_keys


def _required(address: T | None, key: str, variable: str) -> T:
    if address is None:
        # Its servers are known to its own processes only.
        hint = "; how to name those of the finfleet up here: docs/operations.md" if _UP_HERE.exists() else ""
        raise ConfigError("configuration", (f"{key}: set it, or the environment variable {variable}{hint}",))
    return address


def stop_on_signals() -> threading.Event:
    """An event that SIGTERM, SIGINT and SIGHUP set; a second one of them ends the process at once."""
    stop = threading.Event()

    def handle(number: int, _frame: object) -> None:
        if stop.is_set():
            os._exit(128 + number)
        said = f"{signal.Signals(number).name}: stopping in order; once more stops at once"
        logger.info("%s", said, extra=fields(event="stopping"))
        set_from_handler(stop)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, handle)
    return stop


def heartbeat() -> Callable[[], None]:
    """Gives the sign of life, where FINFLEET_HEARTBEAT names a file for it."""
    return Heartbeat.from_environment().give
