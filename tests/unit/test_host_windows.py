"""What a window of this host holds, by the readings that there are: written by hand, so that every case is there."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from agents.core.collection import find_account
from agents.core.context import Context, Shared
from agents.core.meter import Meter
from agents.core.service import find
from agents.generic.host.sampler import Sampler
from agents.generic.host.snapshot import Snapshot
from telemetry.errors import CollectionFailed
from telemetry.records import MetricPoint, Record
from telemetry.settings import Settings
from telemetry.target import Target, Window

TARGET = Target("generic", "default", "local", "host")
WINDOW = Window(datetime(2026, 11, 23, 11, 40, tzinfo=UTC), datetime(2026, 11, 23, 11, 41, tzinfo=UTC))
START = WINDOW.start.timestamp()
NEXT = Window(WINDOW.end, WINDOW.end + timedelta(minutes=1))
CHANGES = {"cpu_utilization", "disk_read", "disk_write", "network_in", "network_out"}
GAUGES = {"memory_utilization", "memory_used", "load_average_1m"}


def _snapshot(second: float, *, speed: int = 100, disks: tuple[str, ...] = ("vda",)) -> Snapshot:
    """A machine that is busy a quarter of its time, at so many bytes a second."""
    moved = round(second * speed) + 10_000
    return Snapshot(
        time=START + second,
        cpu_busy=1000 + second * 0.5,
        cpu_total=5000 + second * 2,
        disks=dict.fromkeys(disks, (moved, 2 * moved)),
        networks={"eth0": (3 * moved, 4 * moved)},
        memory_percent=40.0 + second / 10,
        memory_used=1000 + round(second),
        load=second,
        filled={},
    )


class _Still(Sampler):
    """A sampler whose readings the test writes."""

    def start(self) -> None:
        """Read nothing."""


@pytest.fixture
def sampler() -> _Still:
    return _Still()


def _collect(sampler: _Still, window: Window = WINDOW, seconds: float = 60) -> Iterator[Record]:
    shared = Shared(Settings.model_validate({"generic": {}}))
    shared.once(Sampler, lambda: sampler)
    context = Context(shared, find_account(shared, TARGET), Meter(), time.monotonic() + seconds)
    return find("generic", "host").collect(context, TARGET, window)


def _points(sampler: _Still, window: Window = WINDOW) -> dict[str, MetricPoint]:
    found = [record for record in _collect(sampler, window) if isinstance(record, MetricPoint)]
    named = {point.metric: point for point in found}
    assert len(named) == len(found)
    return named


def _fill(sampler: _Still, first: float = -5, last: float = 125) -> None:
    for number in range(round(last - first) + 1):
        sampler.add(_snapshot(first + number + 0.01))


def test_sums_and_averages_are_those_of_the_window(sampler: _Still) -> None:
    _fill(sampler)
    points = _points(sampler)
    assert points.keys() == CHANGES | GAUGES
    assert points["cpu_utilization"].value == pytest.approx(25.0)
    sums = {name: points[name].value for name in ("disk_read", "disk_write", "network_in", "network_out")}
    assert sums == {"disk_read": 6000, "disk_write": 12_000, "network_in": 18_000, "network_out": 24_000}
    for name in CHANGES:
        assert (points[name].start, points[name].period) == (WINDOW.start, 60)


def test_a_gauge_is_the_last_reading_in_the_window_at_its_own_second(sampler: _Still) -> None:
    _fill(sampler)
    memory = _points(sampler)["memory_utilization"]
    assert memory.value == pytest.approx(40.0 + 59.01 / 10)
    assert (memory.start, memory.period, memory.statistic) == (WINDOW.start + timedelta(seconds=59), 0, "gauge")


def test_windows_that_follow_each_other_lose_nothing_and_count_nothing_twice(sampler: _Still) -> None:
    # Readings that come late, and not as often as they should.
    for second in (-3, -0.4, 2.2, 9, 20, 33, 48, 59.7, 61.3, 70, 95, 111, 119.9, 120.8):
        sampler.add(_snapshot(second, speed=1000))
    both = _points(sampler)["network_in"].value + _points(sampler, NEXT)["network_in"].value
    assert both == 3 * (120_800 - 2200)


@pytest.mark.parametrize(
    ("first", "last"),
    [(7, 125), (-5, 40), (7, 40), (-100, 59)],
    ids=["began in it", "ended in it", "both", "never closed"],
)
def test_a_window_that_was_watched_in_part_has_no_sums(sampler: _Still, first: float, last: float) -> None:
    _fill(sampler, first, last)
    if last < 60:
        sampler.add(_snapshot(75))  # the machine slept meanwhile
    assert _points(sampler).keys() == GAUGES


def test_nine_tenths_of_a_window_are_enough(sampler: _Still) -> None:
    _fill(sampler, first=5)
    assert _points(sampler).keys() == CHANGES | GAUGES


def test_a_window_that_was_not_watched_has_nothing(sampler: _Still) -> None:
    _fill(sampler, first=61)
    assert list(_collect(sampler)) == []


def test_a_disk_that_goes_or_comes_leaves_the_disks_out_and_nothing_else(sampler: _Still) -> None:
    for second in range(-5, 70):
        sampler.add(_snapshot(second, disks=("vda", "vdb") if second < 30 else ("vda",)))
    assert CHANGES - _points(sampler).keys() == {"disk_read", "disk_write"}


def test_a_counter_that_begins_anew_is_left_out_and_never_negative(sampler: _Still) -> None:
    for second in range(-5, 70):
        snapshot = _snapshot(second)
        if second > 30:
            snapshot = replace(snapshot, networks={"eth0": (second, snapshot.networks["eth0"][1])})
        sampler.add(snapshot)
    assert CHANGES - _points(sampler).keys() == {"network_in"}


def test_a_machine_without_disks_and_networks_has_none(sampler: _Still) -> None:
    for second in range(-5, 70):
        sampler.add(replace(_snapshot(second), disks={}, networks={}))
    assert CHANGES & _points(sampler).keys() == {"cpu_utilization"}


@pytest.mark.parametrize(("busy", "percent"), [(0.0, 0.0), (-0.5, 0.0), (2.0, 100.0), (2.01, 100.0)])
def test_a_share_stays_between_nothing_and_all(sampler: _Still, busy: float, percent: float) -> None:
    for second in range(-5, 70):
        correction = busy * second if busy >= 0 else busy * (second > 30)
        sampler.add(replace(_snapshot(second), cpu_busy=1000 + correction))
    assert _points(sampler)["cpu_utilization"].value == percent


def test_processor_time_that_runs_backwards_is_left_out(sampler: _Still) -> None:
    for second in range(-5, 70):
        sampler.add(replace(_snapshot(second), cpu_total=5000 - second))
    assert "cpu_utilization" not in _points(sampler)


def test_a_clock_that_is_set_back_makes_the_old_readings_worthless(sampler: _Still) -> None:
    _fill(sampler, last=50)
    _fill(sampler, first=20)
    assert _points(sampler).keys() == GAUGES


def test_a_quarter_of_an_hour_is_kept_and_no_more(sampler: _Still) -> None:
    for second in range(2000):
        sampler.add(_snapshot(second))
    assert len(sampler.between(0, START + 1e6)) == 900
    assert sampler.first_from(START) == _snapshot(1100)


def test_a_window_that_ends_too_late_to_wait_for_is_refused(sampler: _Still) -> None:
    later = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    with pytest.raises(CollectionFailed, match="longer than a collection may take"):
        list(_collect(sampler, Window(later, later + timedelta(minutes=1))))
