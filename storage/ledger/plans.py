"""What the configuration wants collected becomes the targets of the ledger."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, NamedTuple

import msgspec

from storage.database import Connection
from storage.ledger.backfills import Asked, begin_backfill
from storage.sql import load
from telemetry.limits import LATEST, MAX_BACKFILL, MAX_WINDOW
from telemetry.target import Target, Window, floor_time

_SQL = load("ledger_targets")
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, kw_only=True)
class TargetPlan:
    """How one target is to be collected. Durations are whole seconds."""

    target: Target
    #: The Celery queue of its collect tasks.
    queue: str
    #: Length of a window.
    interval: timedelta
    #: How long after its end a window is taken for delivered by the provider.
    delay: timedelta
    #: Only the present can be asked of it.
    live: bool
    #: Deliveries of bills open its windows: it owes no time by itself.
    delivered: bool = False
    #: How far before it is first enabled the ledger owes windows; without meaning later, and for live targets.
    backfill: timedelta = timedelta(0)

    def __post_init__(self) -> None:
        for name, least, most in (
            ("interval", _SECOND, MAX_WINDOW),
            ("delay", timedelta(0), timedelta.max),
            ("backfill", timedelta(0), MAX_BACKFILL),
        ):
            value: timedelta = getattr(self, name)
            if value < least or value > most or value % _SECOND:
                limit = f" to {most}" if most != timedelta.max else ""
                raise ValueError(f"{self.target}: {name} {value}: whole seconds, from {least}{limit}")

    def first_window(self, now: datetime) -> datetime:
        """Where the windows begin of a target that is first seen at ``now``."""
        if self.delivered:
            return LATEST
        return floor_time(now if self.live else now - self.backfill, self.interval)

    def owes_past(self, now: datetime) -> bool:
        """Whether a target that is first seen at ``now`` owes more of the past than its last window."""
        return self.first_window(now) < floor_time(now - self.delay, self.interval) - self.interval


class Synced(NamedTuple):
    """How many targets a synchronisation touched."""

    added: int
    changed: int
    #: Disabled before, and configured again.
    resumed: int
    #: Not configured any more.
    disabled: int


class _Known(NamedTuple):
    """A target as the ledger has it."""

    target_id: int
    account: str
    region: str
    queue: str
    enabled: bool
    live: bool
    interval_seconds: int
    delay_seconds: int
    delivered: bool

    def differs(self, plan: TargetPlan) -> bool:
        wanted = (plan.queue, plan.live, plan.interval // _SECOND, plan.delay // _SECOND, plan.delivered)
        return (self.queue, self.live, self.interval_seconds, self.delay_seconds, self.delivered) != wanted


def sync_targets(
    connection: Connection,
    plans: Collection[TargetPlan],
    provider: str,
    service: str,
    now: datetime,
    *,
    digest: str = "",
) -> Synced:
    """Make the targets of one service those of ``plans``, which are all that are configured of it.

    Noted as what was planned last, by the ``digest`` of the plans: see :func:`was_planned`.

    A new target owes windows from ``plan.first_window(now)``. One that is configured no more is disabled: nothing is
    owed or dispatched until it is configured again, and the time between is a pause, not a gap. A changed interval
    holds from the next window. ValueError where a plan is of another service, or there twice.
    """
    wanted = _by_place(plans, provider, service)
    key: dict[str, Any] = {"provider": provider, "service": service}
    with connection.transaction():
        rows = connection.execute(_SQL["lock_service"], key).fetchall()
        known = {(row[1], row[2]): _Known(*row) for row in rows}
        gone = [former.target_id for place, former in known.items() if former.enabled and place not in wanted]
        changed = {place for place, former in known.items() if place in wanted and former.differs(wanted[place])}
        resumed = {place for place, former in known.items() if place in wanted and not former.enabled}
        added = wanted.keys() - known.keys()
        if gone:
            connection.execute(_SQL["pause"], {"target_ids": gone, "now": now})
        if resumed:
            intervals = [wanted[place].interval // _SECOND for place in resumed]
            ids = [known[place].target_id for place in resumed]
            connection.execute(_SQL["resume"], {"target_ids": ids, "interval_seconds": intervals, "now": now})
        if touched := added | changed | resumed:
            connection.execute(_SQL["upsert_targets"], key | _columns([wanted[place] for place in touched], now))
        _note_past(connection, key, [wanted[place] for place in added], now)
        connection.execute(_SQL["note_planned"], key | {"digest": digest or digest_of(plans), "now": now})
    return Synced(len(added), len(changed - resumed), len(resumed), len(gone))


def digest_of(plans: Collection[TargetPlan]) -> str:
    """Of all that the ledger keeps of these targets: the same as long as they are."""
    rows = sorted(
        (plan.target, plan.queue, plan.live, plan.interval // _SECOND, plan.delay // _SECOND) for plan in plans
    )
    return sha256(msgspec.msgpack.encode(rows)).hexdigest()


def was_planned(connection: Connection, provider: str, service: str, digest: str, since: datetime) -> bool:
    """Whether the targets of a service were last made those of this ``digest``, and compared since then."""
    values = {"provider": provider, "service": service, "digest": digest, "since": since}
    return connection.execute(_SQL["was_planned"], values).rowcount > 0


def disable_unknown(connection: Connection, configured: Collection[tuple[str, str]], now: datetime) -> int:
    """Disable the targets of every (provider, service) that is not configured at all; their number."""
    names = {"providers": [provider for provider, _ in configured], "services": [name for _, name in configured]}
    with connection.transaction():
        gone = [row[0] for row in connection.execute(_SQL["lock_unknown"], names)]
        if gone:
            connection.execute(_SQL["pause"], {"target_ids": gone, "now": now})
        # Whoever has such a service in its configuration again compares.
        connection.execute(_SQL["forget_planned"], names)
    return len(gone)


def _note_past(connection: Connection, key: dict[str, Any], plans: Collection[TargetPlan], now: datetime) -> None:
    """Note what new targets owe of the past, so that it can be cancelled; one window is none worth a word."""
    places = {(plan.target.account, plan.target.region): plan for plan in plans if plan.owes_past(now)}
    if places:
        ids = {(row[1], row[2]): row[0] for row in connection.execute(_SQL["lock_service"], key)}
        asked = [
            Asked(ids[place], Window(plan.first_window(now), floor_time(now - plan.delay, plan.interval)))
            for place, plan in sorted(places.items())
        ]
        begin_backfill(connection, asked, now, from_configuration=True)


def _by_place(plans: Collection[TargetPlan], provider: str, service: str) -> dict[tuple[str, str], TargetPlan]:
    wanted: dict[tuple[str, str], TargetPlan] = {}
    for plan in plans:
        target = plan.target
        if (target.provider, target.service) != (provider, service):
            raise ValueError(f"{target} is not a target of {provider}/{service}")
        if (target.account, target.region) in wanted:
            raise ValueError(f"{target} is planned twice")
        wanted[target.account, target.region] = plan
    return wanted


def _columns(plans: Sequence[TargetPlan], now: datetime) -> dict[str, Any]:
    return {
        "account": [plan.target.account for plan in plans],
        "region": [plan.target.region for plan in plans],
        "queue": [plan.queue for plan in plans],
        "live": [plan.live for plan in plans],
        "interval_seconds": [plan.interval // _SECOND for plan in plans],
        "delay_seconds": [plan.delay // _SECOND for plan in plans],
        "delivered": [plan.delivered for plan in plans],
        "since": [plan.first_window(now) for plan in plans],
    }
