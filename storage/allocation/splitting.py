"""By which weights shared charges are split, and why they are not where there are none."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from psycopg import sql

from storage.allocation.compiling import Compiled
from storage.allocation.model import Metric, Shared
from storage.allocation.statements import run
from storage.allocation.stored import next_month
from storage.database import Connection
from storage.sql import load

_SQL = load("allocation")


class Split(NamedTuple):
    """What came of the weights of one kind of shared charges."""

    number: int
    name: str
    #: How its parts were found.
    said: str
    #: Why it has none, where it has none.
    why: str
    #: Of the metric that it is split by, in percent.
    coverage: Decimal | None
    #: Currency (none: any), owner and weight.
    weights: tuple[tuple[str | None, str, Decimal], ...]

    @property
    def told(self) -> dict[str, Any]:
        """As the run keeps it, to explain the month by."""
        weights = [
            {"currency": currency, "owner": owner, "weight": str(weight)} for currency, owner, weight in self.weights
        ]
        return {"shared": self.name, "said": self.said, "why": "" if weights else self.why, "weights": weights}


class Cut(NamedTuple):
    """One dimension of a month that is being allocated."""

    connection: Connection
    compiled: Compiled
    #: The dimension's, from 0.
    place: int
    month: date
    now: datetime

    def weigh(self, number: int, shared: Shared) -> Split:
        """Note the weights of what is shared in it."""
        made = _Weighing(self, number, shared)
        coverage = None
        if shared.metric is not None:
            said, why, coverage = made.by_metric(shared.metric)
        else:
            said, why = made.by_spend() if shared.split == "spend" else made.by_name()
        rows = [row for row in run(self.connection, "read_weights", place=self.place) if row[0] == number]
        weights = tuple((currency, owner, weight) for _, currency, owner, weight in rows)
        name = f"shared: {shared.name}"
        return Split(number, shared.name, f"{name} ({said})", f"{name}: {why}", coverage, weights)


class _Weighing(NamedTuple):
    cut: Cut
    number: int
    shared: Shared

    @property
    def _owners(self) -> list[str]:
        return [self.cut.compiled.rules.owner(self.shared.dimension, one) for one in self.shared.among]

    def by_name(self) -> tuple[str, str]:
        """Evenly, or by fixed shares."""
        why = "nobody has charges of their own to share it"
        if not (self.shared.shares or self.shared.among):
            self._run("weigh_present")
            return "even", why
        weights: dict[str, Decimal] = {}
        for one, share in self.shared.shares.items():
            owner = self.cut.compiled.rules.owner(self.shared.dimension, one)
            # Under two spellings it has both shares.
            weights[owner] = weights.get(owner, Decimal(0)) + share
        weights = weights or dict.fromkeys(self._owners, Decimal(1))
        self._run("weigh_named", owners=[*weights], weights=[*weights.values()])
        return self.shared.split, why

    def by_spend(self) -> tuple[str, str]:
        """By what they spend of their own."""
        cost = self.shared.cost
        self._run("weigh_spend", cost=sql.Identifier(cost), everybody=not self.shared.among, owners=self._owners)
        said = f"spend: {cost}"
        if run(self.cut.connection, "is_untold", place=self.cut.place, cost=cost).fetchone() == (True,):
            said += ", of the charges that tell it"
        return said, f"nobody who shares it has a {cost} above zero in its currency"

    def by_metric(self, metric: Metric) -> tuple[str, str, Decimal | None]:
        """By a metric; not at all where too little of it was collected."""
        month = self.cut.month
        until = min(next_month(month), self.cut.now.date())
        covered = self._coverage(metric, until) if until > month else None
        name = f"{metric.name} ({metric.statistic})"
        if covered is None:
            return name, f"nothing is measured of {name}", None
        percent = f"{covered:f} % of the month"
        if covered < metric.min_coverage:
            return name, f"{name} covers {percent}, and {metric.min_coverage:f} % are needed", covered
        self._run(
            "weigh_metric",
            at=sql.Literal(self.cut.place + 1),
            found=self.cut.compiled.found,
            metric=metric.name,
            statistic=metric.statistic,
            first_day=month,
            next_month=until,
            everybody=not self.shared.among,
            owners=self._owners,
        )
        said = name if covered == 100 else f"{name}, of {percent}"  # noqa: PLR2004 - percent
        return said, f"of {name} nothing is measured of anybody who shares it", covered

    def _coverage(self, metric: Metric, until: date) -> Decimal | None:
        values = {"metric": metric.name, "statistic": metric.statistic, "first_day": self.cut.month, "until": until}
        ((covered,),) = self.cut.connection.execute(_SQL["metric_coverage"], values).fetchall()
        return None if covered is None else Decimal(covered).quantize(Decimal("0.01"), rounding="ROUND_DOWN")

    def _run(self, name: str, **parts: Any) -> None:
        run(self.cut.connection, name, place=self.cut.place, split=self.number, **parts)
