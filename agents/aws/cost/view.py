"""Costs as the dictionaries of OpenFinOps's API, from the pages of Cost Explorer. What is unknown is nan."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from agents.aws.cost.costs import AMORTIZED, NET_AMORTIZED, NET_UNBLENDED, UNBLENDED, Group

_NAN = float("nan")
_METRICS: Mapping[str, str] = {
    "unblended": UNBLENDED,
    "amortized": AMORTIZED,
    "net": NET_UNBLENDED,
    "net_amortized": NET_AMORTIZED,
}


@dataclass
class _Bill:
    """The costs of one period in one currency."""

    groups: int = 0
    amounts: defaultdict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    told: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    services: dict[str, float] = field(default_factory=dict)

    def add(self, group: Group) -> None:
        self.groups += 1
        for metric, amount in group.amounts.items():
            self.amounts[metric] += amount
            self.told[metric] += 1
        (service,) = group.keys
        self.services[service] = float(group.amounts[UNBLENDED]) if UNBLENDED in group.amounts else _NAN

    def amount(self, metric: str) -> float:
        """The sum; nan where one of its parts is not told."""
        return float(self.amounts[metric]) if self.told[metric] == self.groups else _NAN


@dataclass
class _Period:
    start: str
    end: str
    estimated: bool = False
    bills: defaultdict[str, _Bill] = field(default_factory=lambda: defaultdict(_Bill))

    def view(self) -> dict[str, Any]:
        by_currency = {
            currency: {"total": bill.amount(UNBLENDED), "by_service": dict(sorted(bill.services.items()))}
            for currency, bill in sorted(self.bills.items())
        }
        bills = list(self.bills.values())
        # Two currencies have no sum; no costs at all are zero, in any.
        one = bills[0] if len(bills) == 1 else None
        amount = {name: one.amount(metric) if one else _NAN for name, metric in _METRICS.items()}
        if not bills:
            amount = dict.fromkeys(_METRICS, 0.0)
        return {
            "total": amount["unblended"],
            "currency": next(iter(self.bills)) if one else None,
            "estimated": self.estimated,
            **amount,
            "by_service": dict(sorted(one.services.items())) if one else {},
            "by_currency": by_currency,
            "start": self.start,
            "end": self.end,
        }


def cost_views(groups: Iterable[Group]) -> dict[str, dict[str, Any]]:
    """One dictionary for each period, by its start; ``groups`` are by service."""
    periods: dict[str, _Period] = {}
    for group in groups:
        period = periods.setdefault(group.start, _Period(group.start, group.end))
        period.estimated |= group.estimated
        if group.keys:
            period.bills[group.currency].add(group)
    return {start: period.view() for start, period in sorted(periods.items())}
