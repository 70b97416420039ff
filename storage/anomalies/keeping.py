"""Looks for anomalies, keeps them, and what people note of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import NAMESPACE_URL, UUID, uuid5

from storage.anomalies.bills import is_too_soon, midnight, series, state_of_bills
from storage.anomalies.detect import Found, find
from storage.anomalies.rules import Rules
from storage.anomalies.series import Series
from storage.database import Connection
from storage.maintenance import Step
from storage.retention import Kept
from storage.sql import load

_SQL = load("anomalies")
LOOKS_BACK = timedelta(days=400)
_LEARNS = timedelta(days=120)
"""What is found so long after the first day that is read does not depend on where that is, and stays what it was."""
_NAMESPACE = uuid5(NAMESPACE_URL, "finfleet/anomalies")
STATES = ("open", "acknowledged", "explained")


class NoSuchAnomaly(LookupError):
    """None has that id, or several have one that begins so."""


class Anomaly(NamedTuple):
    """One cause: what began in an account on one day, to one side, in one currency."""

    anomaly_id: UUID
    first_day: date
    last_day: date
    kind: str
    provider: str
    sub_account_id: str
    billing_currency: str
    expected_cost: Decimal
    actual_cost: Decimal
    excess_cost: Decimal
    services: Sequence[dict[str, Any]]
    state: str
    note: str
    noted_by: str
    noted_at: datetime | None
    found_at: datetime
    withdrawn_at: datetime | None


class ResourceShare(NamedTuple):
    """What one resource has to do with an anomaly."""

    service_name: str
    resource_id: str
    cost: Decimal
    #: None: the account has no charge in the four weeks before.
    usual_cost: Decimal | None
    difference: Decimal | None


def step(rules: Rules) -> Step:
    """Looking for anomalies, as a step of maintenance: nothing is done while the bills and the rules are the same."""

    def run(connection: Connection, now: datetime, kept: Kept) -> int:  # noqa: ARG001 - as every step
        return look(connection, now, rules)

    return Step("anomalies", "anomalies found", run)


def look(connection: Connection, now: datetime, rules: Rules, *, anyway: bool = False) -> int:
    """Look for anomalies in the bills of the last year, if any has changed since; how many are new."""
    since = midnight((now - LOOKS_BACK).date())
    with connection.transaction():
        if connection.execute(_SQL["begin"]).fetchone() != (True,):
            return 0
        seen = f"{state_of_bills(connection, since)} {rules.told} {now - rules.settle:%Y-%m-%d}"
        before, looked_at = connection.execute(_SQL["before"]).fetchone() or ("", None)
        if not anyway and (before == seen or is_too_soon(looked_at, now)):
            return 0
        judged_from = (since + _LEARNS).date()
        found = [
            (one, it)
            for one in series(connection, since, rules.settle)
            for it in find(one, rules)
            if it.days[0] >= judged_from
        ]
        new = _save(connection, now, found, judged_from)
        connection.execute(_SQL["look"], {"now": now, "seen": seen})
    return new


def _save(connection: Connection, now: datetime, all_found: Sequence[tuple[Series, Found]], judged_from: date) -> int:
    found = {(_identity(one, it), one.key.service_name): (one, it) for one, it in all_found}
    columns: dict[str, Any] = {
        "now": now,
        "anomaly_ids": [anomaly_id for anomaly_id, _ in found],
        "service_names": [service for _, service in found],
        "providers": [one.key.provider for one, _ in found.values()],
        "sub_account_ids": [one.key.sub_account_id for one, _ in found.values()],
        "billing_currencies": [one.key.currency for one, _ in found.values()],
        "costs": [one.column for one, _ in found.values()],
        "kinds": [it.kind.value for _, it in found.values()],
        "first_days": [it.days[0] for _, it in found.values()],
        "last_days": [it.days[-1] for _, it in found.values()],
        "days": ["{" + ",".join(map(str, it.days)) + "}" for _, it in found.values()],
        "expecteds": [it.expected for _, it in found.values()],
        "actuals": [it.actual for _, it in found.values()],
    }
    saved = connection.execute(_SQL["save"], columns).fetchall()
    connection.execute(_SQL["withdraw"], columns | {"first_day": judged_from})
    return len({anomaly_id for anomaly_id, is_new in saved if is_new})


def _identity(one: Series, found: Found) -> UUID:
    key = one.key
    side = "more" if found.excess > 0 else "less"
    named = (key.provider, key.sub_account_id.lower(), key.currency, found.days[0].isoformat(), side)
    return uuid5(_NAMESPACE, "\0".join(named))


def listing(
    connection: Connection,
    *,
    since: date = date(1970, 1, 1),
    every: bool = False,
    anomaly_id: UUID | None = None,
    limit: int = 100,
) -> list[Anomaly]:
    """The newest anomalies; ``every``: those too that are explained or withdrawn."""
    asked = {"since": since, "every": every or anomaly_id is not None, "anomaly_id": anomaly_id, "limit": limit}
    return [Anomaly(*row) for row in connection.execute(_SQL["listing"], asked)]


def resources(connection: Connection, anomaly_id: UUID, limit: int) -> Iterable[ResourceShare]:
    """Which resources an anomaly is of, the greatest difference first."""
    return [
        ResourceShare(*row) for row in connection.execute(_SQL["resources"], {"anomaly_id": anomaly_id, "limit": limit})
    ]


def note(connection: Connection, anomaly_id: UUID, state: str, text: str, by: str) -> None:
    """Say what an anomaly is now, in a word of :data:`STATES`; NoSuchAnomaly where there is none of that id."""
    asked = {"anomaly_id": anomaly_id, "state": state, "note": text, "by": by}
    if not connection.execute(_SQL["note"], asked).rowcount:
        raise NoSuchAnomaly(f"there is no anomaly {anomaly_id}: `finfleet anomalies list --all` lists them")


def matching(connection: Connection, beginning: str) -> UUID:
    """The anomaly whose id begins so; NoSuchAnomaly where there is none, or more than one."""
    found = connection.execute(_SQL["matching"], {"beginning": beginning.lower()}).fetchall()
    if len(found) != 1:
        said = "more than one anomaly has" if found else "there is no anomaly with"
        raise NoSuchAnomaly(f"{said} an id that begins with {beginning}: `finfleet anomalies list --all` lists them")
    one: UUID = found[0][0]
    return one
