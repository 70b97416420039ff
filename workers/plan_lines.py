"""The schedule target by target: readings, calls and dollars a day, and the back-fill that is still to come."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from itertools import groupby

from agents.core.service import Service
from storage.ledger import TargetPlan
from tasks.targets import Planned
from telemetry.target import floor_time
from workers.estimates import NOT_DELIVERED, Estimates, Reading, Unknown

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Line:
    """One target in the schedule. None is not known."""

    target: str
    queue: str
    interval: timedelta
    #: None: it reads what is delivered, and how often that is is not known.
    windows_per_day: int | float | None
    #: How many times a day a window is read again because its figures may have changed.
    rereads_per_day: int | float
    #: None: never collected yet, and no --resources given.
    resources: int | None
    calls_per_day: dict[str, int] | None
    usd_per_day: Decimal | None
    #: ``measured``, ``estimated`` or ``unknown``.
    basis: str = "unknown"
    #: ``at least``, ``at most``, ``about``; empty: exact, or measured.
    bound: str = ""
    #: Why it is not known, or what is not in it.
    why: str = ""
    #: Of the APIs that are paid.
    usd_per_day_by_api: dict[str, Decimal] | None = None
    #: Windows of the past that are still to be read, once, and what they take.
    backfill_windows: int = 0
    backfill_calls: dict[str, int] | None = field(default_factory=dict)
    backfill_usd: Decimal | None = Decimal(0)
    backfill_usd_by_api: dict[str, Decimal] | None = field(default_factory=dict)
    #: What one reading takes, where it is not known how many there are.
    calls_per_delivery: dict[str, int] | None = None
    #: Its windows are opened by what is delivered, and not by the clock.
    delivered: bool = False
    #: It reads files; the bytes of these are those of the newest delivery. None: not known.
    reads_files: bool = False
    bytes_per_delivery: int | None = None
    bytes_per_day: int | None = None

    @property
    def service(self) -> str:
        """``provider/service``."""
        provider, *_, service = self.target.split("/")
        return f"{provider}/{service}"


def lines_of(planned: Iterable[Planned], estimates: Estimates, waiting: Mapping[str, int]) -> Iterator[Line]:
    """A line a target. ``waiting`` are the windows to be read, of the targets that the ledger has already."""
    for plan in planned:
        for target in plan.targets:
            name = str(target.target)
            # What is measured as it happens has no past.
            once = 0 if target.live else waiting[name] if name in waiting else _owed(target, estimates)
            yield line_of(plan.service, target, estimates, once)


def line_of(service: Service, target: TargetPlan, estimates: Estimates, once: int) -> Line:
    """One target, of whose past ``once`` windows are still to be read."""
    windows = _windows_per_day(service, target, estimates)
    rereads = (windows or Decimal(0)) * len(service.refresh)
    line = Line(
        target=str(target.target),
        queue=target.queue,
        interval=target.interval,
        windows_per_day=None if windows is None else _number(windows),
        rereads_per_day=_number(rereads),
        resources=estimates.size(target.target),
        calls_per_day=None,
        usd_per_day=None,
        backfill_windows=once,
        delivered=service.delivered,
        reads_files=service.reads_files,
        bytes_per_delivery=(size := estimates.bytes(service, target.target)),
        bytes_per_day=None if size is None or windows is None else math.ceil(size * windows),
    )
    reading = estimates.reading(service, target.target, target.interval)
    if isinstance(reading, Unknown):
        unknown = replace(line, why=reading.why)
        return replace(unknown, backfill_calls=None, backfill_usd=None, backfill_usd_by_api=None) if once else unknown
    calls_once, usd_once, by_api_once = _times(reading, Decimal(once))
    line = replace(line, backfill_calls=calls_once, backfill_usd=usd_once, backfill_usd_by_api=by_api_once)
    if windows is None:
        one = _times(reading, Decimal(1))[0]
        return replace(line, why=NOT_DELIVERED, bound=reading.bound, calls_per_delivery=one)
    calls, usd, by_api = _times(reading, windows + rereads)
    return replace(
        line,
        calls_per_day=calls,
        usd_per_day=usd,
        usd_per_day_by_api=by_api,
        basis=reading.basis,
        bound=reading.bound,
        why=reading.unpriced or reading.why,
    )


def _windows_per_day(service: Service, target: TargetPlan, estimates: Estimates) -> Decimal | None:
    if service.delivered:
        return estimates.deliveries.get(str(target.target))
    return _whole(Decimal(_DAY // timedelta(seconds=1)) / (target.interval // timedelta(seconds=1)))


def _times(reading: Reading, times: Decimal) -> tuple[dict[str, int], Decimal | None, dict[str, Decimal]]:
    calls = {api: math.ceil(count * times) for api, count in reading.calls.items()} if times else {}
    paid = {api: usd * times for api, usd in reading.paid.items()} if times else {}
    return calls, None if reading.usd is None and times else (reading.usd or Decimal(0)) * times, paid


def _owed(target: TargetPlan, estimates: Estimates) -> int:
    """The windows of the past that the planner opens once it sees the target."""
    closed = floor_time(estimates.now - target.delay, target.interval)
    return max(0, -((target.first_window(estimates.now) - closed) // target.interval))


def _whole(value: Decimal) -> Decimal:
    return value if value % 1 else value.to_integral_value()


def _number(value: Decimal) -> int | float:
    return float(value) if value % 1 else int(value)


@dataclass
class Sum:
    """Dollars of some lines, and how they are to be read."""

    usd: Decimal = Decimal(0)
    bounds: set[str] = field(default_factory=set)
    #: Targets of which it is not known.
    unknown: int = 0

    def add(self, usd: Decimal | None, bound: str) -> None:
        """Add those of one line."""
        if usd is None:
            self.unknown += 1
            return
        self.usd += usd
        if bound and usd:
            self.bounds.add(bound)

    @property
    def bound(self) -> str:
        """Parts that are at least and at most make it about; and unknown ones may always come on top."""
        found = "about" if len(self.bounds) > 1 else next(iter(self.bounds), "")
        if not self.unknown or found == "at least":
            return found
        return "at least about" if found else "at least"


@dataclass
class Group:
    """The lines of one service."""

    service: str
    lines: list[Line]

    @property
    def readings(self) -> int | float | None:
        """Readings a day, those of what is read again included; None where they are not known of one."""
        told = [line.windows_per_day for line in self.lines if line.windows_per_day is not None]
        if len(told) < len(self.lines):
            return None
        total = sum(told) + sum(line.rereads_per_day for line in self.lines)
        return int(total) if total == int(total) else total

    @property
    def a_day(self) -> Sum:
        """Dollars a day."""
        return sum_of((line.usd_per_day, line.bound) for line in self.lines)

    @property
    def windows(self) -> int:
        """Windows of the past."""
        return sum(line.backfill_windows for line in self.lines)

    @property
    def once(self) -> Sum:
        """Dollars of the past."""
        return sum_of((line.backfill_usd, line.bound) for line in self.lines if line.backfill_windows)


def sum_of(parts: Iterable[tuple[Decimal | None, str]]) -> Sum:
    """Dollars and their bounds, added up."""
    total = Sum()
    for usd, bound in parts:
        total.add(usd, bound)
    return total


def groups_of(lines: Iterable[Line]) -> list[Group]:
    """The lines by service."""
    ordered = sorted(lines, key=lambda line: (line.service, line.target))
    return [Group(name, list(of)) for name, of in groupby(ordered, key=lambda line: line.service)]
