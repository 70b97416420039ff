"""The machine that the worker runs on: processor, memory, disks, network, load."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from agents.core.context import Context, Shared
from agents.core.service import Estimate, Service, service
from agents.generic.host.identity import disk_resources, host_resource
from agents.generic.host.sampler import EVERY, Sampler, sampler_of
from agents.generic.host.snapshot import Snapshot, Traffic
from telemetry.errors import CollectionFailed
from telemetry.records import MetricPoint, Record, Resource
from telemetry.target import Target, Window

_COVERED = 0.9
"""The part of a window that must have been watched: less of it, and a sum over it is not the window's."""
_PATIENCE = 3 * EVERY
_ONCE = timedelta(seconds=2)
"""The machine is watched for so long where it is asked once."""


class _Measure(NamedTuple):
    metric: str
    #: Where psutil has it.
    source: str
    unit: str
    statistic: str


_CPU = _Measure("cpu_utilization", "cpu_times", "percent", "average")
_MEMORY = _Measure("memory_utilization", "virtual_memory.percent", "percent", "gauge")
_MEMORY_USED = _Measure("memory_used", "virtual_memory.used", "bytes", "gauge")
_LOAD = _Measure("load_average_1m", "getloadavg", "count", "gauge")
_FILLED = _Measure("disk_utilization", "disk_usage.percent", "percent", "gauge")
_READ = _Measure("disk_read", "disk_io_counters.read_bytes", "bytes", "sum")
_WRITTEN = _Measure("disk_write", "disk_io_counters.write_bytes", "bytes", "sum")
_RECEIVED = _Measure("network_in", "net_io_counters.bytes_recv", "bytes", "sum")
_SENT = _Measure("network_out", "net_io_counters.bytes_sent", "bytes", "sum")


@service("generic", "host")
class Host(Service):
    """This machine: CPU, memory, disks, network and load, from readings that its worker takes every second.

    Sums and averages run from the first reading at or after the window's start to the first at or after its end, so
    windows that follow each other lose nothing and count nothing twice. A window that was watched for less than nine
    tenths has none: a part must not pass for the whole. Momentary values are the last ones inside the window.
    """

    interval = timedelta(minutes=1)
    delay = timedelta(0)
    live = True
    permissions = ()

    def warm_up(self, shared: Shared) -> None:
        """Begin to watch the machine."""
        sampler_of(shared)

    def latest_window(self, now: datetime, interval: timedelta) -> Window:
        """From now on: nobody has watched until now."""
        del interval
        start = now.replace(microsecond=0)
        return Window(start, start + _ONCE)

    def collect(self, context: Context, target: Target, window: Window) -> Iterator[Record]:
        """The machine and its file systems; nothing of a window that was not watched at all."""
        sampler = sampler_of(context.shared)
        _wait(sampler, context, window)
        start, end = window.start.timestamp(), window.end.timestamp()
        inside = sampler.between(start, end)
        if not inside:
            context.partial("all", "this machine was not watched in the window: its worker did not run")
            return
        host = host_resource(target)
        yield host
        yield from _gauges(host, inside[-1])
        yield from _filled(disk_resources(target), inside[-1])
        first, last = sampler.first_from(start), sampler.first_from(end)
        late = window.duration.total_seconds() * (1 - _COVERED)
        if first and last and first.time - start <= late and last.time - end <= late:
            yield from _changes(host, window, first, last)
        else:
            context.partial("sums and averages", "less than nine tenths of the window were watched")

    def estimate(self, window: Window, resources: int) -> Estimate:
        """Nobody is called, and nothing is paid."""
        del window, resources
        return Estimate({}, Decimal(0))


def _wait(sampler: Sampler, context: Context, window: Window) -> None:
    """Until the window is over, and the reading is taken that closes it."""
    end = window.end.timestamp()
    left = end - time.time()
    if time.monotonic() + left > context.deadline:
        raise CollectionFailed(f"window {window}: it ends in {left:.0f} s, which is longer than a collection may take")
    sampler.wait_for(end, min(context.deadline, time.monotonic() + max(left, 0.0) + _PATIENCE))


def _gauges(host: Resource, last: Snapshot) -> Iterator[MetricPoint]:
    yield _gauge(host, _MEMORY, last, last.memory_percent)
    yield _gauge(host, _MEMORY_USED, last, last.memory_used)
    yield _gauge(host, _LOAD, last, last.load)


def _filled(disks: Mapping[str, Resource], last: Snapshot) -> Iterator[MetricPoint]:
    for mount, percent in last.filled.items():
        if mount in disks:
            yield _gauge(disks[mount], _FILLED, last, percent)


def _changes(host: Resource, window: Window, first: Snapshot, last: Snapshot) -> Iterator[MetricPoint]:
    total, busy = last.cpu_total - first.cpu_total, last.cpu_busy - first.cpu_busy
    # The kernel may correct its idle time by a little: a share just outside 0 to 1 is that.
    if total > 0 and -0.01 * total <= busy <= 1.01 * total:
        yield _change(host, _CPU, window, 100 * min(1.0, max(0.0, busy / total)))
    yield from _traffic(host, window, (_READ, _WRITTEN), (first.disks, last.disks))
    yield from _traffic(host, window, (_RECEIVED, _SENT), (first.networks, last.networks))


def _traffic(
    host: Resource, window: Window, measures: tuple[_Measure, _Measure], readings: tuple[Traffic, Traffic]
) -> Iterator[MetricPoint]:
    before, after = readings
    # The part of a device that came or went in between is not known.
    if not before or before.keys() != after.keys():
        return
    for side, measure in enumerate(measures):
        grown = [after[name][side] - before[name][side] for name in before]
        if min(grown) >= 0:  # else a counter began anew
            yield _change(host, measure, window, sum(grown))


def _gauge(resource: Resource, measure: _Measure, at: Snapshot, value: float) -> MetricPoint:
    return _point(resource, measure, datetime.fromtimestamp(int(at.time), UTC), 0, value)


def _change(resource: Resource, measure: _Measure, window: Window, value: float) -> MetricPoint:
    return _point(resource, measure, window.start, int(window.duration.total_seconds()), value)


def _point(resource: Resource, measure: _Measure, start: datetime, period: int, value: float) -> MetricPoint:
    return MetricPoint(
        resource=resource,
        metric=measure.metric,
        source_metric=measure.source,
        unit=measure.unit,
        statistic=measure.statistic,
        start=start,
        period=period,
        value=float(value),
    )
