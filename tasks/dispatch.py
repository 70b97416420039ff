"""From the ledger to the broker: hands out what is due, unless the fleet is behind."""

from __future__ import annotations

import logging
from datetime import datetime

from celery import current_app
from kombu.exceptions import OperationalError

from agents.core.context import utc_now
from agents.core.service import services
from storage import ledger
from tasks.pressure import pressure
from tasks.runtime import runtime
from telemetry.errors import ConfigError
from telemetry.grants import grant
from telemetry.logs import fields
from telemetry.settings.model import LedgerSettings

logger = logging.getLogger(__name__)


def dispatch_due(provider: str, service: str | None = None) -> int:
    """Hand out the attempts of ``provider`` (of one service of it) that are due, newest windows first; how many.

    The ledger commits before the broker is told: a crash in between costs a lease, never a window. What the broker
    does not take is given back at once.
    """
    known = services()
    if service is None:
        names = [name for owner, name in runtime.planned() if owner == provider]
        kinds = {known[provider, name].brings_bills for name in names}
        if len(kinds) > 1 and any(pressure(bills=bills) for bills in kinds):
            # What one kind has caused holds up none of the other.
            return sum(dispatch_due(provider, name) for name in names)
    else:
        kinds = {known[provider, service].brings_bills} if (provider, service) in known else {False}
    if reason := next(filter(None, (pressure(bills=bills) for bills in kinds)), ""):
        found = fields(event="held_back", provider=provider)
        logger.warning("%s: nothing is handed out: %s; what is due waits in the ledger", provider, reason, extra=found)
        return 0
    return _hand_out(provider, service)


def _hand_out(provider: str, service: str | None) -> int:
    limits = runtime.settings().ledger
    if not limits.signing_keys:
        # Before anything is taken: an attempt that nobody has signed would be collected, and refused.
        problem = "ledger.signing_keys: set it, or the environment variable FINFLEET_SIGNING_KEYS, as for the ingest"
        raise ConfigError("configuration", (problem,))
    now = utc_now()
    with runtime.database().connection() as connection:
        due = ledger.take_due(
            connection,
            provider,
            now,
            lease=limits.lease,
            max_attempts=limits.max_attempts,
            max_in_flight=limits.max_in_flight,
            service=service,
        )
    for index, attempt in enumerate(due):
        try:
            _send(attempt, limits, now)
        except (OperationalError, OSError) as error:
            logger.warning("%s: the broker took %d of %d attempts: %s", provider, index, len(due), error)
            with runtime.database().connection() as connection:
                ledger.give_back(connection, due[index:], limits.sweep_interval, now)
            return index
    return len(due)


def _send(attempt: ledger.Dispatch, limits: LedgerSettings, now: datetime) -> None:
    signed = grant(limits.signing_keys[0], attempt.target, attempt.window, attempt.attempt, now + limits.lease)
    current_app.send_task(
        "tasks.collect.collect",
        args=(str(attempt.target), str(attempt.window), attempt.attempt, signed),
        queue=attempt.queue,
        # After that the ledger has handed out another attempt: this one must not cost calls any more.
        expires=limits.lease.total_seconds(),
        # How Flower and the logs name it.
        argsrepr=f"({attempt.target}, {attempt.window}, attempt {attempt.attempt})",
        retry=False,
    )
    found = fields(event="handed_out", target=attempt.target, window=attempt.window, attempt=attempt.attempt)
    logger.debug("handed out to %s", attempt.queue, extra=found)
