"""The message of a webhook: one batch, in plain JSON.

The schema is ``docs/schemas/webhook.schema.json`` (``finfleet schema webhook``), the words are in
``docs/destinations.md``. Money is text, digit by digit: what reads JSON makes a double of a number. What is not known
is left out, never zero.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, TypeVar
from uuid import UUID

import msgspec
from msgspec import Meta

from telemetry.batch import Batch
from telemetry.costs import CostLine
from telemetry.errors import ForwardRejected
from telemetry.records import AttributeValue

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

N = TypeVar("N", float, Decimal)

_Moment = Annotated[datetime, Meta(tz=True)]
_Index = Annotated[int, Meta(ge=0, description="Place of the resource in `resources`, from 0.")]
_Seconds = Annotated[int, Meta(ge=0, description="Seconds that a value speaks of.")]
_Currency = Annotated[str, Meta(description="ISO 4217.")]


class Resource(msgspec.Struct, frozen=True, omit_defaults=True):
    """A thing that a provider bills or measures."""

    provider: str
    account: Annotated[str, Meta(description="The provider's own account, subscription or project id.")]
    region: str
    service: str
    id: Annotated[str, Meta(description="The provider's own full id.")]
    type: str = ""
    name: str = ""
    tags: dict[str, str] = {}
    attributes: dict[str, AttributeValue] = {}
    whole: Annotated[
        bool,
        Meta(description="False: only a part of it could be seen; what is left out is unknown, and erases nothing."),
    ] = True


class Point(msgspec.Struct, frozen=True):
    """One value over `[start, start + period_seconds)`."""

    start: _Moment
    value: float


class Metric(msgspec.Struct, frozen=True):
    """The points of one metric of one resource."""

    resource: _Index
    metric: Annotated[str, Meta(description="Normalized name.")]
    source_metric: Annotated[str, Meta(description="The provider's own name.")]
    unit: str
    statistic: Annotated[str, Meta(description="average, sum, minimum, maximum, sample_count, p95 ..., or gauge.")]
    period_seconds: _Seconds
    points: list[Point]


class Rate(msgspec.Struct, frozen=True):
    """What one resource costs an hour at list price while in the state that it had: not a bill."""

    resource: _Index
    start: _Moment
    period_seconds: _Seconds
    amount_per_hour: Decimal
    currency: _Currency
    basis: Annotated[str, Meta(description="Where the figure comes from: on_demand_list, spot, stopped ...")]


class Cost(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line of a bill, in the terms of FOCUS 1.2. Lines of one breakdown and one currency can be summed, no others."""

    start: _Moment
    end: _Moment
    currency: _Currency
    breakdown: Annotated[
        str,
        Meta(description="Left out: the bill itself. Else the same money cut another way, never to be added to it."),
    ] = ""
    billed_cost: Decimal | None = None
    effective_cost: Decimal | None = None
    list_cost: Decimal | None = None
    contracted_cost: Decimal | None = None
    amounts: Annotated[dict[str, Decimal], Meta(description="Further amounts by the provider's own names.")] = {}
    charge_category: str = ""
    charge_class: str = ""
    charge_type: str = ""
    charge_description: str = ""
    service_name: str = ""
    sub_account_id: str = ""
    sub_account_name: str = ""
    region_id: str = ""
    resource_id: str = ""
    sku_id: str = ""
    quantity: Decimal | None = None
    unit: str = ""
    tags: dict[str, str] = {}
    estimated: bool | None = None
    billing_period_start: Annotated[
        _Moment | None, Meta(description="The month of the invoice that the charge is on, where the provider says so.")
    ] = None
    billing_period_end: _Moment | None = None
    lines: Annotated[int, Meta(ge=1, description="How many lines of the provider's own it is the sum of.")] = 1
    service_category: str = ""
    availability_zone: str = ""
    invoice_id: str = ""
    pricing_category: str = ""
    pricing_quantity: Decimal | None = None
    pricing_unit: str = ""
    sku_price_id: str = ""
    commitment_discount_id: str = ""
    commitment_discount_status: str = ""
    commitment_discount_type: str = ""
    details: Annotated[dict[str, str], Meta(description="What else was told, by the names of columns.")] = {}


class Data(msgspec.Struct, frozen=True):
    """A part of what one run collected of one target and one window."""

    provider: str
    account: Annotated[str, Meta(description="The account's name in the configuration.")]
    region: str
    service: str
    window_start: _Moment
    window_end: _Moment
    run_id: UUID
    attempt: Annotated[int, Meta(ge=1, description="A later attempt at a window supersedes an earlier one.")]
    batch_number: Annotated[int, Meta(ge=1, description="From 1, without gaps, within the run.")]
    final: Annotated[bool, Meta(description="Whether the run has no further batch.")]
    collected_at: _Moment
    resources: list[Resource]
    metrics: list[Metric]
    rates: list[Rate]
    costs: list[Cost]
    partial: Annotated[
        list[str],
        Meta(description="Of the final batch: what is missing from the run, a reason each; empty where it is whole."),
    ] = []


class Message(msgspec.Struct, frozen=True):
    """What finfleet posts to a webhook: one batch of records. Its key is the header `webhook-id`."""

    type: Literal["finfleet.batch"]
    timestamp: Annotated[datetime, Meta(tz=True, description="When the batch was collected, whenever it is sent.")]
    data: Data


_encoder = msgspec.json.Encoder(decimal_format="string")


def schema() -> dict[str, Any]:
    """The JSON Schema, draft 2020-12."""
    found = msgspec.json.schema(Message)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "finfleet webhook", **found}


def encode(batch: Batch) -> bytes:
    """A batch as JSON: the same bytes whenever it is sent; ForwardRejected where a number is not finite."""
    run, target = batch.run, batch.run.target
    data = Data(
        provider=target.provider,
        account=target.account,
        region=target.region,
        service=target.service,
        window_start=run.window.start,
        window_end=run.window.end,
        run_id=run.run_id,
        attempt=run.attempt,
        batch_number=batch.number,
        final=batch.final,
        collected_at=batch.collected_at,
        resources=[
            Resource(
                x.provider, x.account, x.region, x.service, x.resource_id, x.type, x.name, x.tags, x.attributes, x.whole
            )
            for x in batch.resources
        ],
        metrics=_metrics(batch),
        rates=[
            Rate(x.resource, _time(x.start), x.period, _finite("rates", x.amount), x.currency, x.basis)
            for x in batch.rates
        ],
        costs=[_cost(line) for line in batch.costs],
        partial=list(batch.partial),
    )
    return _encoder.encode(Message("finfleet.batch", batch.collected_at, data))


def _metrics(batch: Batch) -> list[Metric]:
    columns: dict[int, list[Point]] = defaultdict(list)
    for series, start, value in zip(batch.points.series, batch.points.start, batch.points.value, strict=True):
        columns[series].append(Point(_time(start), _finite("points", value)))
    found = ((batch.series[index], points) for index, points in columns.items())
    return [
        Metric(one.resource, one.metric, one.source_metric, one.unit, one.statistic, one.period, points)
        for one, points in found
    ]


def _cost(line: CostLine) -> Cost:
    fields: Mapping[str, Any] = {name: getattr(line, name) for name in Cost.__struct_fields__}
    for name in ("billed_cost", "effective_cost", "list_cost", "contracted_cost", "quantity", "pricing_quantity"):
        _finite(name, fields[name] or Decimal(0))
    for amount in line.amounts.values():
        _finite("amounts", amount)
    return Cost(**fields)


def _time(seconds: int) -> datetime:
    return _EPOCH + timedelta(seconds=seconds)


def _finite(where: str, value: N) -> N:
    if not math.isfinite(value):
        raise ForwardRejected(f"not sent: {where}: {value}: a number must be finite, or be left out")
    return value
