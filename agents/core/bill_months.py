"""Bills month by month: what the services have in common that look for deliveries of bills, and that read them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from agents.core.context import Context
from agents.core.service import Service
from telemetry.deliveries import Delivery, DeliveryState
from telemetry.errors import CollectionError, CollectionFailed
from telemetry.target import Window

MONTHS = 14
"""So many are looked at, the present one among them: what is older is not restated any more."""
QUIET = timedelta(days=3)
"""Every export is refreshed each day: one that has brought nothing for so long is no longer written."""
_MONTH = re.compile(r"(20[0-9]{2})-?(0[1-9]|1[0-2])")


class DeliveryService(Service):
    """Looks for what was delivered of each export; to be derived from, with ``delivers``."""

    interval = timedelta(hours=1)
    fixed_interval = True
    delay = timedelta(0)
    regional = False


class BillService(Service):
    """Reads a billing period of an export whole, when a delivery of it was seen; to be derived from."""

    interval = timedelta(days=31)
    fixed_interval = True
    delay = timedelta(0)
    regional = False
    brings_bills = True
    delivered = True

    def latest_window(self, now: datetime, interval: timedelta) -> Window:
        """The present month, as far as it was delivered."""
        del interval
        return month_at(now)


def month_at(moment: datetime) -> Window:
    """The calendar month in UTC that ``moment`` is in."""
    start = moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return Window(start, (start + timedelta(days=31)).replace(day=1))


def month_of(text: str) -> Window | None:
    """The month that is written as ``2026-11`` or ``202611``; None where it is not so written."""
    found = _MONTH.fullmatch(text)
    return month_at(datetime(int(found[1]), int(found[2]), 1, tzinfo=UTC)) if found else None


def first_month(now: datetime) -> Window:
    """The oldest of the months that are looked at."""
    month = month_at(now)
    for _ in range(MONTHS - 1):
        month = month_at(month.start - timedelta(days=1))
    return month


def check_month(window: Window) -> None:
    """CollectionFailed where a window is no calendar month in UTC: bills are delivered by such."""
    if window != month_at(window.start):
        raise CollectionFailed(f"window {window}: bills are delivered by calendar months in UTC: choose such a window")


def missing(now: datetime, reason: str) -> Delivery:
    """What is said of an export that brings nothing, or nothing new."""
    month = month_at(now)
    return Delivery(state=DeliveryState.MISSING, period_start=month.start, period_end=month.end, reason=reason[:500])


def refused(context: Context, error: CollectionError) -> Iterator[Delivery]:
    """Say that an export cannot be looked at, in the ledger's deliveries as in the report of the run."""
    context.meter.refused("deliveries", error, of="bill exports")
    yield missing(context.shared.now(), str(error))


def silent(context: Context, newest: datetime | None, what: str) -> Iterator[Delivery]:
    """Say so where the newest delivery of an export is too old, or there is none: nobody writes it any more."""
    now = context.shared.now()
    if newest is not None and now - newest <= QUIET:
        return
    since = (
        "nothing was delivered yet" if newest is None else f"nothing was delivered since {newest:%Y-%m-%d %H:%M} UTC"
    )
    reason = f"{what}: {since}: is the export still switched on?"
    context.partial("deliveries", reason, of="bill exports")
    yield missing(now, reason)
