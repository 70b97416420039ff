"""What a back-fill takes, before it is begun: windows, API calls and dollars, by service."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import groupby

from agents.core.service import services
from storage.ledger import Preview
from telemetry.target import Window
from workers.estimates import Estimates, Reading, Unknown
from workers.money import bounded, in_words
from workers.plan_lines import Sum

_UNASKED = 10_000
"""Windows that cost nothing, which a script may have collected without being asked."""
_UNASKED_UNKNOWN = 100
"""Those of a price that is not known: no more than a few hours of the schedule itself."""
_NOT_INSTALLED = "its service is not installed here"


@dataclass
class Line:
    """One service of one provider."""

    service: str
    targets: int = 0
    #: Windows that the ledger lacks, and those that are due again.
    missing: int = 0
    again: int = 0
    #: The least that they take; None: not known, since a target was never collected.
    calls: dict[str, int] | None = field(default_factory=dict)
    #: None: not known, for that reason or because an API has no known price.
    usd: Decimal | None = Decimal(0)
    #: Windows that an earlier back-fill left, for the sake of its budget.
    held: int = 0
    #: ``at least``, ``at most``, ``about``; empty: exact, or by what its last readings took.
    bound: str = ""
    #: Why it is not known.
    why: str = ""
    #: How many readings the refresh policy makes of these windows later, at most, and what they cost.
    rereads: int = 0
    reread_usd: Decimal | None = Decimal(0)

    @property
    def windows(self) -> int:
        """How many would be collected."""
        return self.missing + self.again + self.held

    def __str__(self) -> str:
        calls = "calls unknown"
        if self.calls is not None:
            calls = ", ".join(f"{count:,} {api}" for api, count in sorted(self.calls.items())) or "no calls"
        held = f", {self.held:,} left by an earlier one" if self.held else ""
        return (
            f"{self.service}: {self.targets:,} target{'' if self.targets == 1 else 's'}, {self.missing:,} windows to"
            f" open, {self.again:,} to collect again{held}; {calls}; {in_words(self.usd, self.bound)}"
        )

    @property
    def cells(self) -> tuple[str, ...]:
        """As a table has it."""
        calls = "unknown" if self.calls is None else f"{sum(self.calls.values()):,}"
        return (
            self.service,
            f"{self.targets:,}",
            f"{self.missing:,}",
            f"{self.again + self.held:,}",
            calls,
            bounded(self.usd, self.bound),
        )


@dataclass(frozen=True)
class Price:
    """All services of a back-fill."""

    lines: list[Line]
    #: What one window of a target costs, by its id; None: not known.
    by_target: Mapping[int, Decimal | None] = field(default_factory=dict)

    @property
    def windows(self) -> int:
        """How many would be collected."""
        return sum(line.windows for line in self.lines)

    @property
    def usd(self) -> Decimal | None:
        """What it costs, at the least; None where a part of it is not known."""
        known = [line.usd for line in self.lines if line.usd is not None]
        return sum(known, Decimal(0)) if len(known) == len(self.lines) else None

    @property
    def sum(self) -> Sum:
        """What is known of it."""
        total = Sum()
        for line in self.lines:
            if line.windows:
                total.add(line.usd, line.bound)
        return total

    @property
    def unknown(self) -> dict[str, str]:
        """The services of which it is not known, and why."""
        return {line.service: line.why for line in self.lines if line.windows and line.usd is None}

    @property
    def needs_consent(self) -> bool:
        """Whether a script must say that it means it."""
        paid = any(line.usd for line in self.lines)
        most = _UNASKED if self.usd is not None else _UNASKED_UNKNOWN
        return paid or self.windows > most

    @property
    def summary(self) -> list[str]:
        """What it comes to, and what of it is not known."""
        total = self.sum
        usd = in_words(total.usd if total.usd or not total.unknown else None, total.bound)
        said = [f"in all {self.windows:,} windows; {usd}"]
        if self.unknown:
            said[0] += f"; unknown: {', '.join(self.unknown)}"
            said += [f"unknown: {why}" for why in dict.fromkeys(self.unknown.values()) if why]
        rereads = sum(line.rereads for line in self.lines)
        if rereads:
            known = [line.reread_usd for line in self.lines]
            cost = None if None in known else sum((usd for usd in known if usd is not None), Decimal(0))
            said.append(f"and up to {rereads:,} readings again in the weeks to come: {in_words(cost, '')}")
        return said

    def __str__(self) -> str:
        return "\n".join([*map(str, self.lines), *self.summary])


def price_of(previews: Iterable[tuple[Window, Preview]], estimates: Estimates, now: datetime) -> Price:
    """The price of what is previewed of each target, with the span that it is of."""
    lines: list[Line] = []
    by_target: dict[int, Decimal | None] = {}
    ordered = sorted(previews, key=_service_of)
    for name, group in groupby(ordered, key=_service_of):
        line, total = Line("/".join(name)), Sum()
        for span, preview in group:
            reading = _reading(preview, estimates)
            usd = reading.usd if isinstance(reading, Reading) else None
            known = by_target.get(preview.target.target_id)
            by_target[preview.target.target_id] = usd if known is None else known
            _add(line, total, preview, reading)
            _add_rereads(line, preview, span, usd, now)
        line.bound = total.bound if line.usd else ""
        lines.append(line)
    return Price(lines, by_target)


def _service_of(one: tuple[Window, Preview]) -> tuple[str, str]:
    target = one[1].target.target
    return target.provider, target.service


def _reading(preview: Preview, estimates: Estimates) -> Reading | Unknown:
    target = preview.target.target
    service = services().get((target.provider, target.service))
    return Unknown(_NOT_INSTALLED) if service is None else estimates.reading(service, target, preview.interval)


def _add(line: Line, total: Sum, preview: Preview, reading: Reading | Unknown) -> None:
    windows = preview.missing + preview.again + preview.held
    line.targets += 1
    line.missing += preview.missing
    line.again += preview.again
    line.held += preview.held
    if not windows:
        return
    if isinstance(reading, Unknown):
        line.calls, line.usd, line.why = None, None, reading.why
        return
    total.add(reading.usd, reading.bound)
    if line.calls is not None:
        calls = {api: math.ceil(count * windows) for api, count in reading.calls.items()}
        line.calls = {api: line.calls.get(api, 0) + calls.get(api, 0) for api in sorted({*line.calls, *calls})}
    if reading.usd is None:
        line.usd, line.why = None, reading.unpriced
    elif line.usd is not None:
        line.usd += reading.usd * windows


def _add_rereads(line: Line, preview: Preview, span: Window, usd: Decimal | None, now: datetime) -> None:
    """The readings that are still to come of these windows, since their figures may change."""
    target = preview.target.target
    service = services().get((target.provider, target.service))
    windows = preview.missing + preview.again + preview.held
    for late in service.refresh if service is not None else ():
        young = (span.end - max(span.start, now - late)) // preview.interval
        times = min(windows, max(0, young))
        line.rereads += times
        if line.reread_usd is not None and times:
            line.reread_usd = None if usd is None else line.reread_usd + usd * times
