"""Runs that are forgotten leave a summary of their day, of each target: how many, what they took, and by which API.

A row of ``run_days`` is a month of a target, since what is alike from day to day is compressed together. Money is text
in it: a number of JSON may become a float on its way.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Context, Decimal
from typing import Any

from psycopg.types.json import Jsonb

from storage.database import Connection
from storage.folding.unfold import STAND_IN
from storage.sql import load
from telemetry.push.batches import GRIDS, PROVIDER

_SQL = load("folding_runs")
_EXACT = Context(prec=1000)
_AT_ONCE = 2000
_Month = tuple[int, date]
"""target_id and the first day."""
_Days = dict[str, dict[str, Any]]
"""By the day of the month, of two digits."""


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
    of_apis: dict[str, list[Any]] = {}
    for use in apis:
        cost = use["cost_usd"]
        entry = [1, use["calls"], use["throttles"], cost or "0", int(cost is None)]
        of_apis[use["api"]] = _sum(of_apis.get(use["api"]), entry)
    return {
        "outcomes": {outcome or "unreported": 1},
        "took": [1, calls, throttles, str(usd or 0), int(usd is None and outcome is not None)],
        "batches": batches,
        "records": records,
        "apis": of_apis,
    }


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
