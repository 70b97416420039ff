"""What makes a message impossible, beyond its form: found before anything of it is stored.

The checks look at whole columns with built-in functions, since every record passes here; only when one fails
is the offending record looked for, to name it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from telemetry.batch import Batch, Message, Rate, Report, Run, Series
from telemetry.costs import ChargeCategory, CostLine
from telemetry.errors import InvalidRecord
from telemetry.records import Resource
from telemetry.target import PART

MAX_WINDOW = timedelta(days=32)
MAX_BACKFILL = timedelta(days=1200)
"""More than three years: longer than clouds keep figures of their services."""
"""A month of daily costs in one window is the longest that a provider is asked for."""
MAX_RECORDS = 20_000
"""Records in one message: four times what we publish."""
MAX_TEXT = 2048
"""Characters in an id, a name or a tag."""
MAX_KEY = 2000
"""Bytes of what identifies a resource or a series: an index entry of Postgres holds 2,704."""
MAX_INT4 = 2**31 - 1
_MAX_EXPONENT = 400
"""Of ten: what any float has, and Postgres can keep."""
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_LATEST = datetime(2100, 1, 1, tzinfo=UTC)
_AMOUNTS = ("billed_cost", "effective_cost", "list_cost", "contracted_cost", "quantity")
_COST_TEXTS = tuple(field.name for field in msgspec.structs.fields(CostLine) if field.type is str)
_CURRENCY = re.compile(r"[A-Z]{3}")


def check(message: Message) -> None:
    """Raise InvalidRecord, which names field, value and remedy, where a part of ``message`` is impossible."""
    _check_run(message.run)
    if isinstance(message, Report):
        _check_report(message)
    else:
        _check_batch(message)


def _fail(path: str, value: object, remedy: str) -> None:
    raise InvalidRecord(path, repr(value)[:120], remedy)


def _check_run(run: Run) -> None:
    for name in ("provider", "account", "region", "service"):
        part = getattr(run.target, name)
        if not PART.fullmatch(part):
            _fail(f"run.target.{name}", part, "letters, digits and . _ : - only, at most 128")
    window = run.window
    if window.start < _EARLIEST or window.end > _LATEST:
        _fail("run.window", str(window), "between the years 2000 and 2100")
    if window.duration > MAX_WINDOW:
        _fail("run.window", str(window), f"at most {MAX_WINDOW.days} days")
    if window.start.microsecond or window.end.microsecond:
        _fail("run.window", str(window), "whole seconds")
    if not 1 <= run.attempt <= MAX_INT4:
        _fail("run.attempt", run.attempt, "a whole number from 1")
    _check_zone("run.started_at", run.started_at)


def _check_zone(path: str, moment: datetime) -> None:
    if moment.tzinfo is None:
        _fail(path, str(moment), "a time with its zone")


def _check_report(report: Report) -> None:
    _check_zone("finished_at", report.finished_at)
    if report.not_before is not None:
        _check_zone("not_before", report.not_before)
    for name in ("batches", "records", "unknown_prices"):
        value = getattr(report, name)
        if not 0 <= value <= MAX_INT4:
            _fail(name, value, "a whole number, not negative")
    _each_text("", [("error", report.error), ("permission", report.permission)], limit=20_000)
    for index, use in enumerate(report.apis):
        _each_text(f"apis[{index}].", [("api", use.api)])
        if not (0 <= use.calls <= MAX_INT4 and 0 <= use.throttles <= MAX_INT4):
            _fail(f"apis[{index}]", use, "counts that are not negative")
        if use.cost_usd is not None and not (use.cost_usd.is_finite() and use.cost_usd >= 0):
            _fail(f"apis[{index}].cost_usd", use.cost_usd, "a finite amount that is not negative")


def _check_batch(batch: Batch) -> None:
    _check_zone("collected_at", batch.collected_at)
    if not 1 <= batch.number <= MAX_INT4:
        _fail("number", batch.number, "a whole number from 1")
    if batch.record_count > MAX_RECORDS:
        _fail("records", batch.record_count, f"at most {MAX_RECORDS} in one message")
    if batch.record_count == 0:
        _fail("records", 0, "a batch holds at least one record; a run without any sends only its report")
    _check_resources(batch)
    _check_series(batch)
    _check_points(batch)
    for index, rate in enumerate(batch.rates):
        _check_rate(f"rates[{index}]", rate, batch)
    for index, line in enumerate(batch.costs):
        _check_cost(f"costs[{index}]", line, batch)


def _check_resources(batch: Batch) -> None:
    seen: dict[tuple[str, ...], int] = {}
    for index, resource in enumerate(batch.resources):
        path = f"resources[{index}]"
        _check_resource(path, resource)
        if resource.provider != batch.run.target.provider:
            _fail(f"{path}.provider", resource.provider, f"the target's, {batch.run.target.provider!r}")
        former = seen.setdefault(resource.key, index)
        if former != index:
            _fail(path, resource.resource_id, f"once in a batch; it is resources[{former}] already")


def _check_resource(path: str, resource: Resource) -> None:
    for name in ("provider", "account", "region", "service", "resource_id"):
        if not getattr(resource, name):
            _fail(f"{path}.{name}", "", "a text that is not empty")
    names = ("provider", "account", "region", "service", "resource_id", "type", "name")
    _each_text(f"{path}.", [(name, getattr(resource, name)) for name in names])
    _check_key(f"{path}.resource_id", resource.key)
    for key, value in resource.tags.items():
        _each_text(f"{path}.tags.", [(key[:40] or "(key)", key), (key[:40], value)])
    for key, attribute in resource.attributes.items():
        _each_text(f"{path}.attributes.", [(key[:40], key)])
        if isinstance(attribute, str):
            _each_text(f"{path}.attributes.", [(key[:40], attribute)])
        elif isinstance(attribute, float) and not math.isfinite(attribute):
            _fail(f"{path}.attributes.{key[:40]}", attribute, "a finite number, or left out")
        elif isinstance(attribute, int) and not -(2**63) <= attribute < 2**64:
            _fail(f"{path}.attributes.{key[:40]}", attribute, "a whole number of at most 64 bits, or a text")


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
        _fail(path, series, "a metric and a statistic")
    texts = [(name, getattr(series, name)) for name in ("metric", "source_metric", "unit", "statistic")]
    _each_text(f"{path}.", texts)
    _check_key(f"{path}.metric", [text for _, text in texts])
    if not 0 <= series.period <= MAX_INT4:
        _fail(f"{path}.period", series.period, "seconds, 0 for a momentary reading")


def _name_twin(series: Sequence[Series]) -> None:
    seen: set[Series] = set()
    for index, one in enumerate(series):
        if one in seen:
            _fail(f"series[{index}]", one, "once in a batch")
        seen.add(one)


def _check_points(batch: Batch) -> None:
    points = batch.points
    if not len(points.series) == len(points.start) == len(points.value):
        lengths = (len(points.series), len(points.start), len(points.value))
        _fail("points", lengths, "three columns of the same length")
    if not points.series:
        return
    count = len(batch.series)
    if not 0 <= min(points.series) <= max(points.series) < count:
        _first("points.series", points.series, lambda index: 0 <= index < count, f"an index into the {count} series")
    first, last = batch.run.window.start.timestamp(), batch.run.window.end.timestamp()
    if not first <= min(points.start) <= max(points.start) < last:
        _first("points.start", points.start, lambda start: first <= start < last, _inside(batch))
    if not all(map(math.isfinite, points.value)):
        _first("points.value", points.value, math.isfinite, "a finite number; leave out what is unknown")


def _check_rate(path: str, rate: Rate, batch: Batch) -> None:
    if not 0 <= rate.resource < len(batch.resources):
        _fail(f"{path}.resource", rate.resource, f"an index into the {len(batch.resources)} resources")
    if not batch.run.window.start.timestamp() <= rate.start < batch.run.window.end.timestamp():
        _fail(f"{path}.start", rate.start, _inside(batch))
    if not 1 <= rate.period <= MAX_INT4:
        _fail(f"{path}.period", rate.period, "seconds from 1")
    if not rate.amount.is_finite() or rate.amount < 0:
        _fail(f"{path}.amount", rate.amount, "a finite amount that is not negative; leave out what is unknown")
    if not _CURRENCY.fullmatch(rate.currency):
        _fail(f"{path}.currency", rate.currency, "an ISO 4217 code, USD for instance")
    _each_text(f"{path}.", [("basis", rate.basis)])


def _check_cost(path: str, line: CostLine, batch: Batch) -> None:
    for name in ("start", "end"):
        _check_zone(f"{path}.{name}", getattr(line, name))
    window = batch.run.window
    if not window.start <= line.start < line.end <= window.end:
        _fail(f"{path}.start", f"{line.start} to {line.end}", f"a period inside the window {window}")
    if not _CURRENCY.fullmatch(line.currency):
        _fail(f"{path}.currency", line.currency, "an ISO 4217 code, USD for instance")
    named = {name: getattr(line, name) for name in _AMOUNTS}
    known = {name: amount for name, amount in (named | line.amounts).items() if amount is not None}
    if not known.keys() - {"quantity"}:
        _fail(path, line.breakdown, "at least one amount")
    for name, amount in known.items():
        if not amount.is_finite():
            _fail(f"{path}.{name[:40]}", amount, "a finite amount; leave out what is unknown")
        if abs(amount.adjusted()) > _MAX_EXPONENT:
            _fail(f"{path}.{name[:40]}", amount, f"an amount of at most {_MAX_EXPONENT} digits")
    if line.charge_category and line.charge_category not in set(ChargeCategory):
        _fail(f"{path}.charge_category", line.charge_category, f"one of {', '.join(ChargeCategory)}, or empty")
    _each_text(f"{path}.", [(name, getattr(line, name)) for name in _COST_TEXTS])
    _each_text(f"{path}.amounts.", [(key[:40], key) for key in line.amounts])
    for key, value in line.tags.items():
        _each_text(f"{path}.tags.", [(key[:40] or "(key)", key), (key[:40], value)])


def _inside(batch: Batch) -> str:
    window = batch.run.window
    first, last = window.start.timestamp(), window.end.timestamp()
    return f"inside the window {window}: from {first:.0f} to {last:.0f} seconds since 1970, end excluded"


def _first(path: str, column: Sequence[Any], fits: Callable[[Any], bool], remedy: str) -> None:
    """Fail with the first value of a column that does not fit."""
    for index, value in enumerate(column):
        if not fits(value):
            _fail(f"{path}[{index}]", value, remedy)


def _check_key(path: str, parts: Sequence[str]) -> None:
    size = sum(len(part.encode("utf-8", "surrogatepass")) for part in parts)
    if size > MAX_KEY:
        _fail(path, f"{parts[-1][:40]}... ({size} bytes of key)", f"at most {MAX_KEY} bytes together with its key")


def _each_text(prefix: str, texts: list[tuple[str, str]], limit: int = MAX_TEXT) -> None:
    for name, text in texts:
        if len(text) > limit:
            _fail(f"{prefix}{name}", f"{text[:40]}... ({len(text)} characters)", f"at most {limit} characters")
        if "\x00" in text:
            _fail(f"{prefix}{name}", text, "no NUL character: Postgres cannot keep one")
