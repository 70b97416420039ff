"""A pushed message is read and checked whole before anything of it is stored: all its faults come at once."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import UTC, date, datetime, timedelta

from telemetry.batch import MAX_BATCH_RECORDS
from telemetry.closest import did_you_mean
from telemetry.costs import COSTS
from telemetry.errors import MalformedMessage, MessageError
from telemetry.faults import are_short, size_of
from telemetry.limits import MAX_TEXT
from telemetry.push.message import Push, PushedMetric, PushedResource
from telemetry.push.reading import Faults, read
from telemetry.target import floor_time

MAX_PUSH = 8 * 1024 * 1024
"""Bytes of one message."""
MAX_WINDOWS = 1000
"""Spans of five minutes, or days of costs, that one message may touch."""
MAX_DESCRIBED = 32 * 1024 * 1024
"""Bytes of descriptions, each counted in every span in which it is needed: that many are stored with the metrics."""
MAX_AHEAD = timedelta(minutes=10)
"""How far the clock of a source may be before ours."""
FIVE_MINUTES = timedelta(minutes=5)
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_SHOWN = 60


class PushRefused(MessageError):
    """A pushed message has faults; all of them are listed."""

    code = "invalid"


class UnknownSource(MessageError):
    """A message of a source that the configuration does not name."""

    code = "unplanned"


def parse(body: bytes, sources: Collection[str], now: datetime | None = None) -> Push:
    """Read and check a pushed message; PushRefused lists all its faults, each with path, value and remedy.

    ``now`` is what the clock of the source is compared with.
    """
    now = now or datetime.now(UTC)
    if len(body) > MAX_PUSH:
        raise MalformedMessage(f"the message has {len(body)} bytes: at most {MAX_PUSH}; split it")
    faults = Faults()
    push = read(body, faults)
    if push is not None:
        _check_source(push.source, sources)
        for line in _faults(push, now):
            faults.add(line)
    if push is None or faults.count:
        raise PushRefused(str(faults))
    return push


def _check_source(source: str, sources: Collection[str]) -> None:
    if source not in sources:
        raise UnknownSource(
            f"source: {source!r}: no such source pushes here; {did_you_mean(source, sorted(sources))}; "
            f"add {{name: {source}, kind: push}} to generic.sources"
        )


def _faults(push: Push, now: datetime) -> Iterator[str]:
    """What a form cannot say: references, times, sizes."""
    if push.sent_at > now + MAX_AHEAD:
        yield f"sent_at: {push.sent_at}: is in the future: set the clock of the source"
    lines = sum(len(costs.charges) for costs in push.costs)
    count = len(push.resources) + len(push.metrics) + lines
    if count > MAX_BATCH_RECORDS:
        yield f"message: {count} records: at most {MAX_BATCH_RECORDS} in one message; split it"
    if not (push.resources or push.metrics or push.costs):
        yield "message: it holds nothing: add resources, metrics or costs"
    ids: dict[str, int] = {}
    for index, resource in enumerate(push.resources):
        if ids.setdefault(resource.id, index) != index:
            yield f"resources[{index}].id: {resource.id[:_SHOWN]!r}: is resources[{ids[resource.id]}] already: once"
        yield from _attribute_faults(f"resources[{index}].attributes", resource)
    yield from _metric_faults(push, ids, now)
    yield from _cost_faults(push, now)
    needed = {(metric.resource, floor_time(start_of(push, metric), FIVE_MINUTES)) for metric in push.metrics}
    windows = {window for _, window in needed}
    if len(windows) > MAX_WINDOWS:
        yield f"metrics: they touch {len(windows)} spans of five minutes: at most {MAX_WINDOWS}; split the message"
    sizes = {resource.id: _size(resource) for resource in push.resources}
    described = sum(sizes.get(resource or "", 0) for resource, _ in needed)
    if described > MAX_DESCRIBED:
        yield (
            f"resources: {described} bytes, each counted in every span of five minutes that has metrics of it: "
            f"at most {MAX_DESCRIBED}; leave out tags, or split the message"
        )


def _attribute_faults(path: str, resource: PushedResource) -> Iterator[str]:
    for name, value in resource.attributes.items():
        if isinstance(value, str) and not are_short([value]):
            said = f"a text of at most {MAX_TEXT} characters without NUL"
            yield f"{path}.{name[:_SHOWN]}: {value[:_SHOWN]!r}: must be {said}"


def _size(resource: PushedResource) -> int:
    texts = [resource.id, resource.type, resource.name, *resource.tags, *resource.tags.values(), *resource.attributes]
    return size_of([*texts, *(value for value in resource.attributes.values() if isinstance(value, str))])


def _metric_faults(push: Push, ids: Collection[str], now: datetime) -> Iterator[str]:
    seen: dict[tuple[object, ...], int] = {}
    for index, metric in enumerate(push.metrics):
        path = f"metrics[{index}]"
        if metric.resource is not None and metric.resource not in ids:
            yield f"{path}.resource: {metric.resource[:_SHOWN]!r}: is not among resources: describe it there"
        start = start_of(push, metric)
        if not _EARLIEST <= start <= max(now, push.sent_at) + MAX_AHEAD:
            yield f"{path}.time: {start}: must lie between the year 2000 and now"
        key = (metric.resource, metric.name, metric.statistic, metric.unit, metric.period, start)
        if seen.setdefault(key, index) != index:
            yield f"{path}: {metric.name[:_SHOWN]!r}: has a value at {start} already, metrics[{seen[key]}]: give one"


def _cost_faults(push: Push, now: datetime) -> Iterator[str]:
    days: dict[date, int] = {}
    for index, costs in enumerate(push.costs):
        path = f"costs[{index}]"
        if not _EARLIEST.date() <= costs.day <= now.astimezone(UTC).date() + timedelta(days=31):
            yield f"{path}.day: {costs.day}: must lie between the year 2000 and a month from now"
        if days.setdefault(costs.day, index) != index:
            yield f"{path}.day: {costs.day}: is costs[{days[costs.day]}] already: put all charges of a day together"
        for number, charge in enumerate(costs.charges):
            if all(getattr(charge, name) is None for name in COSTS):
                yield f"{path}.charges[{number}]: it has no amount: give billed_cost, or another cost"
    if len(days) > MAX_WINDOWS:
        yield f"costs: {len(days)} days: at most {MAX_WINDOWS}; split the message"


def start_of(push: Push, metric: PushedMetric) -> datetime:
    """When a metric begins, to the second, in UTC."""
    return (metric.time or push.sent_at).astimezone(UTC).replace(microsecond=0)
