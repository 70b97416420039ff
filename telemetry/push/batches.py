"""From a pushed message to batches and reports, which go the way of everything that is collected.

Pushed records are kept in windows of a fixed grid, whatever a message holds. Each message is a run of its own in each
window that it touches. Metrics of several runs merge by what they are the value of, the later sent wins; of the costs
of a day the run that was sent last counts, whole.
"""

from __future__ import annotations

import hashlib
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, time, timedelta
from itertools import islice

import msgspec

from telemetry.batch import Message, Outcome, Report, Run
from telemetry.builder import build_batches
from telemetry.codec import decode, encode
from telemetry.costs import CostLine
from telemetry.errors import InvalidRecord
from telemetry.push.checks import FIVE_MINUTES, MAX_AHEAD, PushRefused, UnknownSource, parse, start_of
from telemetry.push.message import Push, PushedCharge, PushedMetric, PushedResource
from telemetry.push.sources import OWNER_RANK, Pushers
from telemetry.records import MetricPoint, Record, Resource
from telemetry.target import Target, Window, floor_time

PROVIDER = "generic"
REGION = "global"
METRICS_SERVICE = "push"
COSTS_SERVICE = "push_costs"
GRIDS = {METRICS_SERVICE: FIVE_MINUTES, COSTS_SERVICE: timedelta(days=1)}
"""The services that pushed records are kept under, and the length of their windows, which begin at multiples of it."""
_AHEAD = {METRICS_SERVICE: MAX_AHEAD, COSTS_SERVICE: timedelta(days=31)}
"""How far ahead of now a window may begin, as in JSON."""
_MAX_FAULTS = 20
_NAMESPACE = uuid.UUID("6d1c3a60-55a1-5f0b-9c4e-0f6f1a2f7d11")


class _Head(msgspec.Struct):
    source: str


_head = msgspec.json.Decoder(_Head)


def is_pushed(target: Target) -> bool:
    """Whether the records of a target are pushed: no planner cuts its windows."""
    return target.provider == PROVIDER and target.service in GRIDS


def messages_of(
    body: bytes, pushers: Pushers, now: datetime, believe: Callable[[str], None] = lambda _: None
) -> list[tuple[Message, bytes]]:
    """What a body on the results queue stands for: one message of ours, or the batches and reports of a push.

    Each comes with the bytes that it is forwarded, or kept as a dead letter, as. MessageError and its kinds say what is
    wrong; ``now`` is what a source's clock is compared with. ``believe`` is asked about the source of a push, as it was
    read, and raises WrongQueue where it must not be believed here.
    """
    if not is_push(body):
        message = decode(body)
        if not is_pushed(message.run.target):
            return [(message, body)]
        believe(message.run.target.account)
        owned = _owned(message, pushers, now)
        return [(owned, encode(owned))]
    push = parse(body, pushers.names, now)
    believe(push.source)
    if faults := list(islice(_too_old(push, pushers, now), _MAX_FAULTS)):
        raise PushRefused("\n".join(faults))
    owner, rank = pushers.owner(push.source), pushers.rank(push.source)
    return [(message, encode(message)) for message in expand(push, owner, rank)]


def source_of(body: bytes) -> str | None:
    """The source that a pushed message in JSON seems to be of; None where that cannot be read.

    Good for finding its queue, and for nothing else: whether it is believed is asked after it has been read whole.
    """
    try:
        return _head.decode(body).source
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None


def is_push(body: bytes) -> bool:
    """Whether ``body`` has the look of a pushed message in JSON."""
    return body[:64].lstrip()[:1] == b"{"


def expand(push: Push, owner: str = "", rank: int = OWNER_RANK) -> Iterator[Message]:
    """The batches and the report of every window that the message touches, as records of ``owner``.

    Their ids come from source and key: the same message is the same batches, however often it comes. The rank stands
    where a planned run has its attempt: among sources that share their records it decides, before the time of sending.
    """
    owner = owner or push.source
    identity = f"key {push.key}" if push.key is not None else f"content {_digest(push)}"
    if owner != push.source:
        identity = f"source {push.source} {identity}"
    for (service, window), records in _by_window(push, owner).items():
        target = Target(PROVIDER, owner, REGION, service)
        run_id = uuid.uuid5(_NAMESPACE, f"{target} {window} {identity}")
        run = Run(run_id, target, window, rank, push.sent_at.astimezone(UTC))
        batches = list(build_batches(run, records, run.started_at))
        yield from batches
        count = sum(batch.record_count for batch in batches)
        outcome = Outcome.COMPLETE if count else Outcome.EMPTY
        yield Report(run, outcome, len(batches), count, run.started_at, [])


def _digest(push: Push) -> str:
    text = msgspec.json.encode(push.model_dump(mode="json"), order="deterministic")
    return hashlib.sha256(text).hexdigest()


def _owned(message: Message, pushers: Pushers, now: datetime) -> Message:
    """A message that a source has made in our own form, as one of its owner's records."""
    run = message.run
    source = run.target.account
    if source not in pushers.owners:
        raise UnknownSource(f"source {source!r} may not push: name it in generic.sources, with kind: push")
    if pushers.max_age and run.window.end < now - pushers.max_age:
        raise InvalidRecord("run.window", str(run.window), _too_old_for(pushers))
    if run.window.start > now + _AHEAD[run.target.service]:
        raise InvalidRecord("run.window", str(run.window), "must not lie in the future")
    target = Target(PROVIDER, pushers.owner(source), run.target.region, run.target.service)
    # Among its own: no source can take the id of what another one is about to send.
    run_id = uuid.uuid5(_NAMESPACE, f"source {source} run {run.run_id}")
    owned = Run(run_id, target, run.window, pushers.rank(source), run.started_at)
    return msgspec.structs.replace(message, run=owned)


def _too_old(push: Push, pushers: Pushers, now: datetime) -> Iterator[str]:
    """What lies so far back that nobody would know any more whether it came before."""
    if not pushers.max_age:
        return
    first = now - pushers.max_age
    for index, metric in enumerate(push.metrics):
        if (start := start_of(push, metric)) < first:
            yield f"metrics[{index}].time: {start}: {_too_old_for(pushers)}"
    for index, costs in enumerate(push.costs):
        if costs.day < first.date():
            yield f"costs[{index}].day: {costs.day}: {_too_old_for(pushers)}"


def _too_old_for(pushers: Pushers) -> str:
    return f"may be {pushers.max_age.days} days old at the most: raise retention.pushes to take in what is older"


def _by_window(push: Push, owner: str) -> dict[tuple[str, Window], list[Record]]:
    found: dict[tuple[str, Window], list[Record]] = defaultdict(list)
    resources = {described.id: _resource(owner, described) for described in push.resources}
    used = {metric.resource for metric in push.metrics}
    sent = _window(METRICS_SERVICE, push.sent_at)
    for key, resource in resources.items():
        if key not in used:
            found[METRICS_SERVICE, sent].append(resource)
    itself = resources.get(push.source) or _itself(owner, push.source)
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


def _resource(owner: str, pushed: PushedResource) -> Resource:
    return Resource(
        provider=PROVIDER,
        account=pushed.account or owner,
        region=pushed.region or REGION,
        service=pushed.service or owner,
        resource_id=pushed.id,
        type=pushed.type,
        name=pushed.name,
        tags=pushed.tags,
        attributes=pushed.attributes,
        # Whoever names a resource only for its values says nothing else of it.
        whole=bool(pushed.type or pushed.name or pushed.tags or pushed.attributes),
    )


def _itself(owner: str, source: str) -> Resource:
    """A source that its message does not describe: another one may have."""
    return msgspec.structs.replace(_resource(owner, PushedResource(id=source, type="source")), whole=False)


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
