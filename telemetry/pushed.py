"""From a pushed message to batches and reports, which go the way of everything that is collected.

Pushed records are kept in windows of a fixed grid, whatever a message holds. Each message is a run of its own in each
window that it touches. Metrics of several runs merge by what they are the value of, the later sent wins; of the costs
of a day the run that was sent last counts, whole.
"""

from __future__ import annotations

import hashlib
import uuid
from collections import defaultdict
from collections.abc import Collection, Iterator
from datetime import UTC, datetime, time, timedelta

import msgspec

from telemetry.batch import Message, Outcome, Report, Run
from telemetry.builder import build_batches
from telemetry.codec import decode, encode
from telemetry.costs import CostLine
from telemetry.push import Push, PushedCharge, PushedMetric, PushedResource
from telemetry.push_checks import FIVE_MINUTES, parse, start_of
from telemetry.records import MetricPoint, Record, Resource
from telemetry.target import Target, Window, floor_time

PROVIDER = "generic"
REGION = "global"
METRICS_SERVICE = "push"
COSTS_SERVICE = "push_costs"
GRIDS = {METRICS_SERVICE: FIVE_MINUTES, COSTS_SERVICE: timedelta(days=1)}
"""The services that pushed records are kept under, and the length of their windows, which begin at multiples of it."""
_NAMESPACE = uuid.UUID("6d1c3a60-55a1-5f0b-9c4e-0f6f1a2f7d11")


def is_pushed(target: Target) -> bool:
    """Whether the records of a target are pushed: no planner cuts its windows."""
    return target.provider == PROVIDER and target.service in GRIDS


def messages_of(body: bytes, sources: Collection[str], now: datetime) -> list[tuple[Message, bytes]]:
    """What a body on the results queue stands for: one message of ours, or the batches and reports of a push.

    Each comes with the bytes that it is forwarded, or buried, as. MessageError and its kinds say what is wrong;
    ``sources`` are the names that may push, and ``now`` is what a source's clock is compared with.
    """
    if not is_push(body):
        return [(decode(body), body)]
    return [(message, encode(message)) for message in expand(parse(body, sources, now))]


def is_push(body: bytes) -> bool:
    """Whether ``body`` has the look of a pushed message in JSON."""
    return body[:64].lstrip()[:1] == b"{"


def expand(push: Push) -> Iterator[Message]:
    """The batches and the report of every window that the message touches.

    Their ids come from source and key: the same message is the same batches, however often it comes.
    """
    identity = f"key {push.key}" if push.key is not None else f"content {_digest(push)}"
    for (service, window), records in _by_window(push).items():
        target = Target(PROVIDER, push.source, REGION, service)
        run_id = uuid.uuid5(_NAMESPACE, f"{target} {window} {identity}")
        run = Run(run_id, target, window, 1, push.sent_at.astimezone(UTC))
        batches = list(build_batches(run, records, run.started_at))
        yield from batches
        count = sum(batch.record_count for batch in batches)
        outcome = Outcome.COMPLETE if count else Outcome.EMPTY
        yield Report(run, outcome, len(batches), count, run.started_at, [])


def _digest(push: Push) -> str:
    text = msgspec.json.encode(push.model_dump(mode="json"), order="deterministic")
    return hashlib.sha256(text).hexdigest()


def _by_window(push: Push) -> dict[tuple[str, Window], list[Record]]:
    found: dict[tuple[str, Window], list[Record]] = defaultdict(list)
    resources = {described.id: _resource(push.source, described) for described in push.resources}
    used = {metric.resource for metric in push.metrics}
    sent = _window(METRICS_SERVICE, push.sent_at)
    for key, resource in resources.items():
        if key not in used:
            found[METRICS_SERVICE, sent].append(resource)
    itself = _resource(push.source, PushedResource(id=push.source, type="source"))
    for metric in push.metrics:
        start = start_of(push, metric)
        resource = itself if metric.resource is None else resources[metric.resource]
        found[METRICS_SERVICE, _window(METRICS_SERVICE, start)].append(_point(resource, metric, start))
    for costs in push.costs:
        begin = datetime.combine(costs.day, time(), UTC)
        window = Window(begin, begin + GRIDS[COSTS_SERVICE])
        found[COSTS_SERVICE, window] += [_line(charge, window) for charge in costs.charges]
    return found


def _window(service: str, moment: datetime) -> Window:
    start = floor_time(moment.astimezone(UTC), GRIDS[service])
    return Window(start, start + GRIDS[service])


def _resource(source: str, pushed: PushedResource) -> Resource:
    return Resource(
        provider=PROVIDER,
        account=pushed.account or source,
        region=pushed.region or REGION,
        service=pushed.service or source,
        resource_id=pushed.id,
        type=pushed.type,
        name=pushed.name,
        tags=pushed.tags,
        attributes=pushed.attributes,
    )


def _point(resource: Resource, metric: PushedMetric, start: datetime) -> MetricPoint:
    return MetricPoint(
        resource=resource,
        metric=metric.name,
        source_metric=metric.name,
        unit=metric.unit,
        statistic=metric.statistic,
        start=start,
        period=metric.period,
        value=metric.value,
    )


def _line(charge: PushedCharge, window: Window) -> CostLine:
    fields = charge.model_dump(exclude={"charge_category"})
    return CostLine(start=window.start, end=window.end, charge_category=charge.charge_category or "", **fields)
