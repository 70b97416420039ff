"""Lines of a bill as sums: each currency a metric of its own, since dollars and euros have no sum.

The lines that are the bill are ``finfleet.cost.billed`` and so on; the same money cut another way is
``finfleet.cost_breakdown.billed``, so that nobody adds the two. What lines are told apart by here is less than a bill
tells: lines that are the same then are added, digit by digit, before they become doubles. What files of bills tell
beyond that (invoice, zone, price, commitment) is left out: each would multiply the series, and a bill is read in SQL.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import NamedTuple

from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric, NumberDataPoint, Sum

from agents.destinations.otlp.conventions import NOT_A_CLOUD, annotation, pairs, place, tags
from agents.destinations.otlp.metrics import DELTA, point
from telemetry.batch import Batch
from telemetry.costs import WHOLE, CostLine
from telemetry.target import format_time

_AMOUNTS = {
    "billed": "billed_cost",
    "effective": "effective_cost",
    "list": "list_cost",
    "contracted": "contracted_cost",
}


class _Place(NamedTuple):
    account: str
    region: str
    resource_id: str


class _Sum(NamedTuple):
    """What amounts are added by."""

    name: str
    currency: str
    start: int
    end: int
    attributes: tuple[tuple[str, str | int], ...]


def costs_of(batch: Batch) -> Iterator[tuple[list[KeyValue], list[Metric]]]:
    """The attributes of each resource of the bill, and its metrics."""
    by_place: dict[_Place, list[CostLine]] = defaultdict(list)
    for line in batch.costs:
        by_place[_Place(line.sub_account_id, line.region_id, line.resource_id)].append(line)
    for where, lines in by_place.items():
        yield pairs(_resource(batch, where)), list(_metrics(lines, batch.run.attempt))


def _resource(batch: Batch, where: _Place) -> dict[str, str | int]:
    target = batch.run.target
    found: dict[str, str | int] = {
        **place(target.provider, where.account, where.region),
        "service.namespace": target.provider,
        "service.name": target.service,
        "service.instance.id": where.resource_id or where.account or target.account,
        "finfleet.account": target.account,
    }
    if target.provider != NOT_A_CLOUD:
        found["cloud.resource_id"] = where.resource_id
    return found


def _metrics(lines: Iterable[CostLine], attempt: int) -> Iterator[Metric]:
    sums: dict[_Sum, Decimal] = defaultdict(Decimal)
    for line in lines:
        attributes = tuple(sorted(_attributes(line, attempt).items()))
        start, end = int(line.start.timestamp()), int(line.end.timestamp())
        kind = "cost" if line.breakdown == WHOLE else "cost_breakdown"
        for short, name in _AMOUNTS.items():
            amount: Decimal | None = getattr(line, name)
            if amount is not None:
                sums[_Sum(f"finfleet.{kind}.{short}", line.currency, start, end, attributes)] += amount
    columns: dict[tuple[str, str], list[NumberDataPoint]] = defaultdict(list)
    for key, amount in sums.items():
        columns[key.name, key.currency].append(point(key.start, key.end, float(amount), dict(key.attributes)))
    for (name, currency), points in columns.items():
        # Credits are negative.
        total = Sum(data_points=points, aggregation_temporality=DELTA, is_monotonic=False)
        yield Metric(name=name, unit=annotation(currency), sum=total)


def _attributes(line: CostLine, attempt: int) -> dict[str, str | int]:
    period = line.billing_period_start
    return {
        "currency": line.currency,
        "finfleet.billing_period_start": "" if period is None else format_time(period),
        # A day that is read again is told apart from the reading before: OTLP has no way to replace it.
        "finfleet.attempt": attempt,
        "finfleet.breakdown": line.breakdown,
        "finfleet.charge_category": line.charge_category,
        "finfleet.charge_class": line.charge_class,
        "finfleet.charge_type": line.charge_type,
        "finfleet.service_category": line.service_category,
        "finfleet.service_name": line.service_name,
        "finfleet.sku_id": line.sku_id,
        **tags(line.tags),
    }
