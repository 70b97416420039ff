"""What makes a message impossible, beyond its form: found before anything of it is stored.

The checks look at whole columns with built-in functions, since every record passes here; only when one fails
is the offending record looked for, to name it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from telemetry import amounts
from telemetry.batch import MAX_REASON, MAX_REASONS, Batch, Message, Rate, Report, Run, Series
from telemetry.cost_checks import check_costs
from telemetry.delivery_checks import check_deliveries
from telemetry.faults import (
    are_short,
    check_currency,
    check_key,
    check_moment,
    check_size,
    each_entry,
    each_text,
    fail,
)
from telemetry.limits import (
    EARLIEST,
    LATEST,
    MAX_ENTRIES,
    MAX_INT4,
    MAX_KEY,
    MAX_LISTED,
    MAX_RECORDS,
    MAX_REPORT_TEXT,
    MAX_TAGS,
    MAX_TEXT,
    MAX_WINDOW,
)
from telemetry.packed import bounds
from telemetry.recommendation_checks import check_recommendations
from telemetry.records import AttributeValue, Resource
from telemetry.target import PART

__all__ = ["MAX_INT4", "MAX_KEY", "MAX_RECORDS", "MAX_TEXT", "MAX_WINDOW", "check"]


def check(message: Message) -> None:
    """Raise InvalidRecord, which names field, value and remedy, where a part of ``message`` is impossible."""
    _check_run(message.run)
    if isinstance(message, Report):
        _check_report(message)
    else:
        _check_batch(message)


def _check_run(run: Run) -> None:
    for name in ("provider", "account", "region", "service"):
        part = getattr(run.target, name)
        if not PART.fullmatch(part):
            fail(f"run.target.{name}", part, "letters, digits and . _ : - only, at most 128")
    window = run.window
    if window.start < EARLIEST or window.end > LATEST:
        fail("run.window", str(window), "between the years 2000 and 2100")
    if window.duration > MAX_WINDOW:
        fail("run.window", str(window), f"at most {MAX_WINDOW.days} days")
    if window.start.microsecond or window.end.microsecond:
        fail("run.window", str(window), "whole seconds")
    if not 1 <= run.attempt <= MAX_INT4:
        fail("run.attempt", run.attempt, "a whole number from 1")
    check_moment("run.started_at", run.started_at)


def _check_report(report: Report) -> None:
    check_moment("finished_at", report.finished_at)
    if report.not_before is not None:
        check_moment("not_before", report.not_before)
    for name in ("batches", "records", "unknown_prices"):
        value = getattr(report, name)
        if not 0 <= value <= MAX_INT4:
            fail(name, value, "a whole number, not negative")
    each_text("", [("error", report.error), ("permission", report.permission)], limit=MAX_REPORT_TEXT)
    if len(report.apis) > MAX_LISTED:
        fail("apis", f"{len(report.apis)} of them", f"at most {MAX_LISTED} in one report")
    _check_reasons(report.partial)
    for index, use in enumerate(report.apis):
        each_text(f"apis[{index}].", [("api", use.api)])
        if not (0 <= use.calls <= MAX_INT4 and 0 <= use.throttles <= MAX_INT4):
            fail(f"apis[{index}]", (use.calls, use.throttles), "counts that are not negative")
        if use.cost_usd is not None and not (amounts.is_bounded(use.cost_usd) and use.cost_usd >= 0):
            fail(f"apis[{index}].cost_usd", use.cost_usd, f"not negative, and {amounts.REMEDY}")


def _check_reasons(partial: Sequence[str]) -> None:
    if len(partial) > MAX_REASONS:
        fail("partial", f"{len(partial)} of them", f"at most {MAX_REASONS} in one message")
    for index, reason in enumerate(partial):
        each_text("", [(f"partial[{index}]", reason)], limit=MAX_REASON)
        if not reason.strip():
            fail(f"partial[{index}]", reason, "a reason, or left out")


def _check_batch(batch: Batch) -> None:
    check_moment("collected_at", batch.collected_at)
    if not 1 <= batch.number <= MAX_INT4:
        fail("number", batch.number, "a whole number from 1")
    if batch.record_count > MAX_RECORDS:
        fail("records", batch.record_count, f"at most {MAX_RECORDS} in one message")
    if batch.record_count == 0:
        fail("records", 0, "a batch holds at least one record; a run without any sends only its report")
    _check_resources(batch)
    _check_series(batch)
    _check_points(batch)
    _check_rates(batch)
    check_costs(batch.costs, batch.run.window)
    check_deliveries(batch.deliveries)
    check_recommendations(batch.recommendations)
    _check_reasons(batch.partial)
    entries = sum(len(one.tags) + len(one.attributes) for one in batch.resources)
    entries += sum(len(line.tags) + len(line.amounts) + len(line.details) for line in batch.costs)
    entries += sum(len(one.tags) + len(one.details) for one in batch.recommendations)
    if entries > MAX_ENTRIES:
        fail("records", f"{entries} tags and attributes", f"at most {MAX_ENTRIES} in one message")


def _check_resources(batch: Batch) -> None:
    if _are_fine(batch.resources, batch.run.target.provider):
        return
    seen: dict[tuple[str, ...], int] = {}
    for index, resource in enumerate(batch.resources):
        path = f"resources[{index}]"
        _check_resource(path, resource)
        if resource.provider != batch.run.target.provider:
            fail(f"{path}.provider", resource.provider, f"the target's, {batch.run.target.provider!r}")
        former = seen.setdefault(resource.key, index)
        if former != index:
            fail(path, resource.resource_id, f"once in a batch; it is resources[{former}] already")


def _are_fine(resources: Sequence[Resource], provider: str) -> bool:
    """Whether a glance at all of them shows that each is possible, as it does of almost all batches."""
    keys = {resource.key for resource in resources}
    if len(keys) < len(resources) or not all(map(all, keys)):
        return False
    if 4 * max(map(len, map("".join, keys)), default=0) > MAX_KEY:
        return False
    texts: list[str] = []
    values: list[AttributeValue] = []
    for resource in resources:
        tags, attributes = resource.tags, resource.attributes
        if resource.provider != provider or len(tags) + len(attributes) > _FEW_TAGS:
            return False
        texts += resource.key
        texts += (resource.type, resource.name)
        texts += tags
        texts += tags.values()
        texts += attributes
        values += attributes.values()
    texts += [value for value in values if type(value) is str]
    numbers = [value for value in values if type(value) is int or type(value) is float]
    # NaN is within no bounds.
    return are_short(texts, _SHORT) and all(-_LARGE < number < _LARGE for number in numbers)


_SHORT = 400
_FEW_TAGS = 64
"""With so many tags and attributes, and texts of so many characters at four bytes each, a record is not too large."""
_LARGE = 2.0**62
_KEY = ("provider", "account", "region", "service", "resource_id")


def _check_resource(path: str, resource: Resource) -> None:
    tags, attributes = resource.tags, resource.attributes
    key = resource.key
    texts = [*key, resource.type, resource.name, *tags, *tags.values(), *attributes]
    texts += [value for value in attributes.values() if isinstance(value, str)]
    if not all(key):
        fail(f"{path}.{_KEY[key.index('')]}", "", "a text that is not empty")
    few = len(tags) <= MAX_TAGS and len(attributes) <= MAX_TAGS
    if not (few and are_short(texts)):
        each_text(f"{path}.", [*zip(_KEY, key, strict=True), ("type", resource.type), ("name", resource.name)])
        each_entry(f"{path}.tags", tags)
        each_entry(f"{path}.attributes", attributes)
    check_size(path, texts)
    if 4 * sum(map(len, key)) > MAX_KEY:
        check_key(f"{path}.resource_id", key)
    for name, value in attributes.items():
        if isinstance(value, float) and not math.isfinite(value):
            fail(f"{path}.attributes.{name[:40]}", value, "a finite number, or left out")
        if isinstance(value, int) and not -(2**63) <= value < 2**64:
            fail(f"{path}.attributes.{name[:40]}", value, "a whole number of at most 64 bits, or a text")


def _check_series(batch: Batch) -> None:
    if not batch.series:
        return
    count = len(batch.resources)
    owners = [series.resource for series in batch.series]
    if min(owners) < 0 or max(owners) >= count:
        _first("series.resource", owners, lambda index: 0 <= index < count, f"an index into the {count} resources")
    # Thousands of series differ in their resource alone: what they have in common is looked at once.
    kinds = {
        (series.metric, series.source_metric, series.unit, series.statistic, series.period): index
        for index, series in enumerate(batch.series)
    }
    for index in kinds.values():
        _check_kind(f"series[{index}]", batch.series[index])
    if len(set(batch.series)) < len(batch.series):
        _name_twin(batch.series)


def _check_kind(path: str, series: Series) -> None:
    if not series.metric or not series.statistic:
        fail(path, (series.metric, series.statistic), "a metric and a statistic")
    texts = [(name, getattr(series, name)) for name in ("metric", "source_metric", "unit", "statistic")]
    each_text(f"{path}.", texts)
    check_key(f"{path}.metric", [text for _, text in texts])
    if not 0 <= series.period <= MAX_INT4:
        fail(f"{path}.period", series.period, "seconds, 0 for a momentary reading")


def _name_twin(series: Sequence[Series]) -> None:
    seen: set[Series] = set()
    for index, one in enumerate(series):
        if one in seen:
            fail(f"series[{index}]", one.metric, "once in a batch")
        seen.add(one)


def _check_points(batch: Batch) -> None:
    points = batch.points
    if not len(points.series) == len(points.start) == len(points.value):
        lengths = (len(points.series), len(points.start), len(points.value))
        fail("points", lengths, "three columns of the same length")
    if not points.series:
        return
    count = len(batch.series)
    lowest, highest = bounds(points.series)
    if not 0 <= lowest <= highest < count:
        _first("points.series", points.series, lambda index: 0 <= index < count, f"an index into the {count} series")
    first, last = batch.run.window.start.timestamp(), batch.run.window.end.timestamp()
    lowest, highest = bounds(points.start)
    if not first <= lowest <= highest < last:
        _first("points.start", points.start, lambda start: first <= start < last, _inside(batch))
    # What is not finite stays so in a sum, which may leave the numbers by itself.
    if not math.isfinite(sum(points.value)) and not all(map(math.isfinite, points.value)):
        _first("points.value", points.value, math.isfinite, "a finite number; leave out what is unknown")


def _check_rates(batch: Batch) -> None:
    rates, count = batch.rates, len(batch.resources)
    first, last = batch.run.window.start.timestamp(), batch.run.window.end.timestamp()
    known = [rate.amount for rate in rates]
    if amounts.are_bounded(known) and (not known or min(known) >= 0):
        # Thousands of rates have few currencies and bases.
        kinds = {(rate.currency, rate.basis): index for index, rate in enumerate(rates)}
        suspects = {index for index, rate in enumerate(rates) if not _is_placed(rate, count, first, last)}
        suspects.update(kinds.values())
    else:
        suspects = set(range(len(rates)))
    for index in sorted(suspects):
        _check_rate(f"rates[{index}]", rates[index], batch)


def _is_placed(rate: Rate, count: int, first: float, last: float) -> bool:
    return 0 <= rate.resource < count and first <= rate.start < last and 1 <= rate.period <= MAX_INT4


def _check_rate(path: str, rate: Rate, batch: Batch) -> None:
    count = len(batch.resources)
    if not 0 <= rate.resource < count:
        fail(f"{path}.resource", rate.resource, f"an index into the {count} resources")
    if not batch.run.window.start.timestamp() <= rate.start < batch.run.window.end.timestamp():
        fail(f"{path}.start", rate.start, _inside(batch))
    if not 1 <= rate.period <= MAX_INT4:
        fail(f"{path}.period", rate.period, "seconds from 1")
    if not amounts.is_bounded(rate.amount) or rate.amount < 0:
        fail(f"{path}.amount", rate.amount, f"not negative, and {amounts.REMEDY}")
    check_currency(f"{path}.currency", rate.currency)
    each_text(f"{path}.", [("basis", rate.basis)])


def _inside(batch: Batch) -> str:
    window = batch.run.window
    first, last = window.start.timestamp(), window.end.timestamp()
    return f"inside the window {window}: from {first:.0f} to {last:.0f} seconds since 1970, end excluded"


def _first(path: str, column: Sequence[Any], fits: Callable[[Any], bool], remedy: str) -> None:
    """Fail with the first value of a column that does not fit."""
    for index, value in enumerate(column):
        if not fits(value):
            fail(f"{path}[{index}]", value, remedy)
