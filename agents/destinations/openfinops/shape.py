"""A batch as OpenFinOps takes it: one agent per target, one row of telemetry per batch.

The shape is that of OpenFinOps's own agents: ``metrics`` holds ``services`` (what was found, service by service) and
``summary`` (figures for the whole), ``events`` what its dashboard counts.

Numbers: money stays Decimal up to the encoder, which writes its digits as they are; it is OpenFinOps that reads them
as doubles, which give back every amount of up to 15 digits. What is not known is left out, never zero.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from decimal import Decimal
from typing import Any

import msgspec

from agents.destinations.openfinops.costs import cost_lines, cost_totals
from telemetry.batch import Batch, Rate, Series
from telemetry.errors import ForwardRejected
from telemetry.records import Resource
from telemetry.target import Target, format_time


class Agent(msgspec.Struct, frozen=True):
    """The body of a registration: one line of OpenFinOps's table of agents."""

    #: ``finfleet:aws/prod/us-east-1/ec2``.
    agent_id: str
    hostname: str
    cloud_provider: str
    region: str
    config: dict[str, Any] = {}


class Telemetry(msgspec.Struct, frozen=True):
    """The body of an ingest: one row at OpenFinOps."""

    #: The batch's id: the same whenever this batch is sent again.
    idempotency_key: str
    agent_id: str
    hostname: str
    cloud_provider: str
    region: str
    #: Seconds since 1970-01-01 UTC.
    timestamp: int
    metrics: dict[str, Any]
    events: list[dict[str, Any]]


_encoder = msgspec.json.Encoder(decimal_format="number")


def to_json(body: Agent | Telemetry) -> bytes:
    """The body as JSON, Decimals digit by digit; ForwardRejected where a number is not finite, which JSON lacks."""
    _refuse_not_finite(msgspec.structs.asdict(body), "")
    return _encoder.encode(body)


def agent_of(target: Target, hostname: str) -> Agent:
    """The agent that stands for ``target`` at OpenFinOps; ``hostname`` is the machine that forwards."""
    return Agent(
        agent_id=f"finfleet:{target}",
        hostname=hostname,
        cloud_provider=target.provider,
        region=target.region,
        config={"account": target.account, "services": [target.service], "cost_tracking": True},
    )


def telemetry_of(batch: Batch, hostname: str) -> Telemetry:
    """Shape one batch.

    The timestamp is the end of the window, the moment that the figures speak of, and not that of sending: OpenFinOps
    counts "the last hour" by it, and a back-fill is not of the last hour.
    """
    target, window = batch.run.target, batch.run.window
    rates = _latest_rates(batch.rates)
    totals = _totals(batch, rates)
    service = {
        "service": target.service,
        "collection_time": format_time(batch.collected_at),
        "window_start": format_time(window.start),
        "window_end": format_time(window.end),
        "resources": _resources(batch, rates),
        **totals,
    }
    if batch.costs:
        service["costs"] = cost_lines(batch)
    return Telemetry(
        idempotency_key=str(batch.batch_id),
        agent_id=f"finfleet:{target}",
        hostname=hostname,
        cloud_provider=target.provider,
        region=target.region,
        timestamp=int(window.end.timestamp()),
        metrics={"services": {target.service: service}, "summary": _summary(batch, totals)},
        events=[_event(batch)],
    )


def _event(batch: Batch) -> dict[str, Any]:
    run = batch.run
    return {
        "type": "finfleet.batch",
        "idempotency_key": str(batch.batch_id),
        "target": str(run.target),
        "window_start": format_time(run.window.start),
        "window_end": format_time(run.window.end),
        "run_id": str(run.run_id),
        "attempt": run.attempt,
        "batch_number": batch.number,
        "final": batch.final,
        "records": batch.record_count,
        "collected_at": format_time(batch.collected_at),
        # What is missing from the run, of its last batch: nothing of it where it is whole.
        **({"partial": list(batch.partial)} if batch.partial else {}),
    }


def _is_whole_window(batch: Batch) -> bool:
    return batch.number == 1 and batch.final


def _summary(batch: Batch, totals: dict[str, Any]) -> dict[str, Any]:
    return {
        "whole_window": _is_whole_window(batch),
        "resources_in_batch": len(batch.resources),
        "points_in_batch": len(batch.points.series),
        "cost_lines_in_batch": len(batch.costs),
        **totals,
    }


def _totals(batch: Batch, rates: dict[int, Rate]) -> dict[str, Any]:
    """Sums of the window, which only a batch that is the whole window can give; in a part of one there are none."""
    if not _is_whole_window(batch):
        return {}
    totals = cost_totals(batch)
    if batch.resources:
        totals["total_resources"] = len(batch.resources)
        totals["resources_without_price"] = len(batch.resources) - len(rates)
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for rate in rates.values():
        sums[rate.currency] += rate.amount
    if len(sums) == 1:
        ((totals["currency"], totals["total_hourly_cost"]),) = sums.items()
    elif sums:  # dollars and euros have no sum
        totals["total_hourly_cost_by_currency"] = dict(sorted(sums.items()))
    return totals


def _latest_rates(rates: Iterable[Rate]) -> dict[int, Rate]:
    """By index of the resource, what it cost an hour in the last state that it was seen in."""
    latest: dict[int, Rate] = {}
    for rate in rates:
        known = latest.get(rate.resource)
        if known is None or (rate.start + rate.period, rate.start) > (known.start + known.period, known.start):
            latest[rate.resource] = rate
    return latest


def _resources(batch: Batch, rates: dict[int, Rate]) -> list[dict[str, Any]]:
    metrics = _metrics(batch)
    return [
        _resource(resource) | _price(rates.get(index)) | {"metrics": metrics.get(index, [])}
        for index, resource in enumerate(batch.resources)
    ]


def _resource(resource: Resource) -> dict[str, Any]:
    """Its own words; an attribute without a value is left out, and of one that is seen in part what is not known."""
    told = {
        "resource_id": resource.resource_id,
        "type": resource.type,
        "name": resource.name,
        "account": resource.account,
        "region": resource.region,
        "service": resource.service,
        "tags": resource.tags,
        "attributes": {key: value for key, value in resource.attributes.items() if value is not None},
    }
    return told if resource.whole else {**{key: value for key, value in told.items() if value}, "whole": False}


def _price(rate: Rate | None) -> dict[str, Any]:
    if rate is None:
        return {}
    return {"hourly_cost": rate.amount, "currency": rate.currency, "price_basis": rate.basis}


def _metrics(batch: Batch) -> dict[int, list[dict[str, Any]]]:
    """By index of the resource, a summary of each of its series."""
    columns: dict[int, list[tuple[int, float]]] = defaultdict(list)
    for series, start, value in zip(batch.points.series, batch.points.start, batch.points.value, strict=True):
        columns[series].append((start, value))
    metrics: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for index, points in columns.items():
        series_of = batch.series[index]
        metrics[series_of.resource].append(_summarize(series_of, points))
    return metrics


def _summarize(series: Series, points: list[tuple[int, float]]) -> dict[str, Any]:
    values = [value for _, value in points]
    summary: dict[str, Any] = {
        "metric": series.metric,
        "source_metric": series.source_metric,
        "statistic": series.statistic,
        "unit": series.unit,
        "period_seconds": series.period,
        "points": len(values),
        "latest": max(points)[1],
        "minimum": min(values),
        "maximum": max(values),
    }
    with suppress(OverflowError):  # of two values near the largest double there is no mean
        summary["mean"] = math.fsum(values) / len(values)
    return summary


def _refuse_not_finite(value: Any, path: str) -> None:
    # The encoder would write null for a float and an invalid word for a Decimal.
    if isinstance(value, float | Decimal):
        if not math.isfinite(value):
            raise ForwardRejected(f"{path}: {value}: a number must be finite, or be left out")
    elif isinstance(value, dict):
        for key, item in value.items():
            _refuse_not_finite(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _refuse_not_finite(item, f"{path}[{index}]")
