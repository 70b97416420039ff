"""What a back-fill takes, before it is begun: windows, API calls and dollars, by service."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import groupby

from agents.core.service import Estimate, Service, services
from storage.ledger import Preview
from telemetry.target import Window, floor_time

_MANY_RESOURCES = 1_000_000
_UNASKED = 10_000
"""Windows that cost nothing, which a script may have collected without being asked."""
_UNASKED_UNKNOWN = 100
"""Those of a price that is not known: no more than a few hours of the schedule itself."""


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

    def __str__(self) -> str:
        calls = "calls unknown"
        if self.calls is not None:
            calls = ", ".join(f"{count:,} {api}" for api, count in sorted(self.calls.items())) or "no calls"
        return (
            f"{self.service}: {self.targets:,} targets, {self.missing:,} windows to open,"
            f" {self.again:,} to collect again; {calls}; {_dollars(self.usd)}"
        )


@dataclass(frozen=True)
class Price:
    """All services of a back-fill."""

    lines: list[Line]

    @property
    def windows(self) -> int:
        """How many would be collected."""
        return sum(line.missing + line.again for line in self.lines)

    @property
    def usd(self) -> Decimal | None:
        """The least that it costs; None where a part of it is not known."""
        known = [line.usd for line in self.lines if line.usd is not None]
        return sum(known, Decimal(0)) if len(known) == len(self.lines) else None

    @property
    def needs_consent(self) -> bool:
        """Whether a script must say that it means it."""
        paid = any(line.usd for line in self.lines)
        most = _UNASKED if self.usd is not None else _UNASKED_UNKNOWN
        return paid or self.windows > most

    def __str__(self) -> str:
        total = f"in all {self.windows:,} windows; {_dollars(self.usd)}"
        return "\n".join([*map(str, self.lines), total])


def price_of(previews: Iterable[Preview], resources: Mapping[str, int], now: datetime) -> Price:
    """The price by the estimates of the services, for targets with so many ``resources``; one left out is unknown."""
    lines = []
    ordered = sorted(previews, key=_service_of)
    for name, group in groupby(ordered, key=_service_of):
        line = Line("/".join(name))
        for preview in group:
            _add(line, preview, services().get(name), resources.get(str(preview.target.target)), now)
        lines.append(line)
    return Price(lines)


def _service_of(preview: Preview) -> tuple[str, str]:
    target = preview.target.target
    return target.provider, target.service


def _add(line: Line, preview: Preview, service: Service | None, resources: int | None, now: datetime) -> None:
    windows = preview.missing + preview.again
    line.targets += 1
    line.missing += preview.missing
    line.again += preview.again
    if not windows:
        return
    end = floor_time(now, preview.interval)
    calls, usd = _estimate(service, Window(end - preview.interval, end), resources)
    line.calls = None if line.calls is None or calls is None else _sum(line.calls, calls, windows)
    line.usd = None if line.usd is None or usd is None else line.usd + usd * windows


def _estimate(
    service: Service | None, window: Window, resources: int | None
) -> tuple[Mapping[str, int] | None, Decimal | None]:
    """Calls and price of one window; what depends on a number of resources that is not known is not known."""
    if service is None:
        return None, None
    if resources is not None:
        estimate = service.estimated(window, resources)
        return (None, None) if estimate is None else (estimate.calls, estimate.cost_usd)
    least, most = (service.estimated(window, count) for count in (0, _MANY_RESOURCES))
    return (None, None) if least is None or most is None else _if_same(least, most)


def _if_same(least: Estimate, most: Estimate) -> tuple[Mapping[str, int] | None, Decimal | None]:
    calls = least.calls if least.calls == most.calls else None
    return calls, least.cost_usd if least.cost_usd == most.cost_usd else None


def _sum(calls: Mapping[str, int], more: Mapping[str, int], times: int) -> dict[str, int]:
    return {api: calls.get(api, 0) + times * more.get(api, 0) for api in sorted({*calls, *more})}


def _dollars(usd: Decimal | None) -> str:
    return "USD unknown" if usd is None else f"USD {usd:f} at the least"
