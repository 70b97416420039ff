"""Days that are over have a summary of what their runs took, by target and API.

Runs that are forgotten leave the rest there: how many there were, how they ended, and what they took in all.

What a summary has of a run by API is moved from ``apis`` to ``summed_apis`` of its row by the same transaction: whoever
forgets the run, of this release or a former one, adds what is in ``apis``.

A row of ``run_days`` is a month of a target, since what is alike from day to day is compressed together. Money is text
in it: a number of JSON may become a float on its way.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Context, Decimal
from types import MappingProxyType
from typing import Any

from psycopg.types.json import Jsonb

from storage.database import Connection
from storage.folding.releases import others_live
from storage.folding.unfold import STAND_IN
from storage.sql import load
from telemetry.push.batches import GRIDS, PROVIDER

_SQL = load("folding_runs")
AFTER = timedelta(hours=2)
"""How long after its end a day is summed up: most of what comes late is there."""
_EXACT = Context(prec=1000)
_AT_ONCE = 2000
_Month = tuple[int, date]
"""target_id and the first day."""
_Days = dict[str, dict[str, Any]]
"""By the day of the month, of two digits."""
_NOTHING: Mapping[str, Any] = MappingProxyType(
    {"outcomes": {}, "took": [0, 0, 0, "0", 0], "batches": 0, "records": 0, "apis": {}}
)


def fold_runs(connection: Connection, now: datetime, *, after: timedelta = AFTER, limit: int = _AT_ONCE) -> int:
    """Sum up by API what at most ``limit`` runs of days that are over took; how many, and again until it is 0.

    Several processes may do so at once. While one of another release lives nothing is summed up: its estimates would
    take a run that is summed up for one that called nothing.
    """
    midnight = (now - after).astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    with connection.transaction():
        if others_live(connection):
            return 0
        rows = connection.execute(_SQL["sum_up"], {"before": midnight, "limit": limit}).fetchall()
        months: dict[_Month, _Days] = defaultdict(dict)
        for target_id, day, apis, runs in rows:
            days = months[target_id, day.replace(day=1)]
            _add(days.setdefault(f"{day.day:02}", {}), {**_NOTHING, "apis": _by_api(apis, runs)})
        _save(connection, months)
    return sum(row[-1] for row in rows)


def forget_runs(
    connection: Connection, before: datetime, pushes_before: datetime | None, *, limit: int = _AT_ONCE
) -> int:
    """Delete runs that have reported before a time, and count them in their days; how many, and again until it is 0.

    In one transaction, of ``limit`` of them or few more: each is counted once.
    """
    values = {
        "before": before,
        "pushes_before": pushes_before,
        "provider": PROVIDER,
        "services": list(GRIDS),
        "limit": limit,
    }
    with connection.transaction():
        gone = connection.execute(_SQL["forget_folded"], values).fetchall()
        if not gone:
            gone = connection.execute(_SQL["forget"], values).fetchall()
        # What stands for runs that were forgotten before is in their summary.
        _count(connection, [row for row in gone if row[1] < STAND_IN])
    return len(gone)


def _count(connection: Connection, runs: Iterable[tuple[Any, ...]]) -> None:
    months: dict[_Month, _Days] = defaultdict(dict)
    for target_id, started_at, *run in runs:
        start = started_at.astimezone(UTC)
        days = months[target_id, date(start.year, start.month, 1)]
        _add(days.setdefault(f"{start.day:02}", {}), _summary(run))
    _save(connection, months)


def _save(connection: Connection, months: Mapping[_Month, _Days]) -> None:
    """Add to what is known of these months."""
    if not months:
        return
    keys = sorted(months)
    columns: dict[str, Any] = {"target_ids": [key[0] for key in keys], "months": [key[1] for key in keys]}
    connection.execute(_SQL["make_days"], columns)
    for target_id, month, known in connection.execute(_SQL["lock_days"], columns):
        days = months[target_id, month]
        for day, told in known.items():
            _add(days.setdefault(day, {}), told)
    connection.execute(_SQL["save_days"], columns | {"days": [Jsonb(months[key]) for key in keys]})


def _summary(run: Sequence[Any]) -> dict[str, Any]:
    """Of one run, in the form of a day's. Lists are readings, calls, throttles, dollars, and those of unknown price."""
    outcome, calls, throttles, usd, batches, records, apis = run
    return {
        "outcomes": {outcome or "unreported": 1},
        "took": [1, calls, throttles, str(usd or 0), int(usd is None and outcome is not None)],
        "batches": batches,
        "records": records,
        "apis": _by_api(apis),
    }


def _by_api(apis: Iterable[Mapping[str, Any]], runs: int = 1) -> dict[str, list[Any]]:
    """Of so many runs that used the same."""
    found: dict[str, list[Any]] = {}
    for use in apis:
        cost = use["cost_usd"]
        usd = _EXACT.multiply(Decimal(str(cost or 0)), runs)
        entry = [runs, runs * use["calls"], runs * use["throttles"], f"{usd:f}", runs * (cost is None)]
        found[use["api"]] = _sum(found.get(use["api"]), entry)
    return found


def _add(day: dict[str, Any], told: Mapping[str, Any]) -> None:
    for name in ("batches", "records"):
        day[name] = day.get(name, 0) + told[name]
    day["took"] = _sum(day.get("took"), told["took"])
    outcomes, apis = day.setdefault("outcomes", {}), day.setdefault("apis", {})
    for outcome, runs in told["outcomes"].items():
        outcomes[outcome] = outcomes.get(outcome, 0) + runs
    for api, use in told["apis"].items():
        apis[api] = _sum(apis.get(api), use)


def _sum(one: list[Any] | None, other: list[Any]) -> list[Any]:
    if one is None:
        return other
    usd = _EXACT.add(Decimal(one[3]), Decimal(other[3]))
    return [one[0] + other[0], one[1] + other[1], one[2] + other[2], f"{usd:f}", one[4] + other[4]]
