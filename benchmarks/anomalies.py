"""How many of the anomalies that are told of are some, and how many of those that there are, are told of.

On bills with faults that are known, beside the rules of others on the same bills: as they are used, and once where the
days that are not whole are left out for them.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from benchmarks.faulty_bills import COUNT, Bill, Fault, bill
from benchmarks.frame import conclude, parser, say, show
from storage.anomalies.detect import find
from storage.anomalies.rules import Rules
from storage.anomalies.series import Key, Series

_BILLS = 200
_FIRST_SEED = 1000
"""The rules were made on other bills than these."""
_KEY = Key("aws", "111111111111", "EC2", "USD")
_Costs = Mapping[date, float]
_Rule = Callable[[_Costs], Iterator[date]]
_LEAST = 10.0


def ours(costs: Mapping[date, Decimal]) -> list[tuple[date, date]]:
    """First and last days of what we find."""
    return [(found.days[0], found.days[-1]) for found in find(Series(_KEY, costs), Rules())]


def trailing_mad(costs: _Costs) -> Iterator[date]:
    """Costroid: beyond 3 MADs (by 1.4826) of the last 30 days and 10 % of their median, after ten of them."""
    for day, cost, before in _trailing(costs, 30, 10):
        middle = statistics.median(before)
        spread = 1.4826 * statistics.median([abs(one - middle) for one in before])
        if abs(cost - middle) > 3 * spread and abs(cost - middle) >= 0.1 * middle:
            yield day


def two_sigma(costs: _Costs) -> Iterator[date]:
    """Moneypenny: above the mean of 30 days by 2 standard deviations, a quarter, and 10 dollars."""
    for day, cost, before in _trailing(costs, 30, 10):
        mean, spread = statistics.fmean(before), statistics.pstdev(before)
        if cost > mean + 2 * spread and cost > 1.25 * mean and cost - mean >= _LEAST:
            yield day


def quartiles(costs: _Costs) -> Iterator[date]:
    """Koku: outside of 1.5 times the range between the quartiles of the last 30 days."""
    for day, cost, before in _trailing(costs, 30, 10):
        low, _, high = statistics.quantiles(before, n=4)
        if not low - 1.5 * (high - low) <= cost <= high + 1.5 * (high - low):
            yield day


OTHERS: Mapping[str, _Rule] = {
    "trailing median and MAD (Costroid)": trailing_mad,
    "mean and 2 sigma (moneypenny)": two_sigma,
    "quartiles (koku)": quartiles,
}


def _trailing(costs: _Costs, days: int, least: int) -> Iterator[tuple[date, float, Sequence[float]]]:
    listed = list(costs.items())
    for place, (day, cost) in enumerate(listed):
        before = [one for at, one in listed[max(0, place - days) : place] if at >= day - timedelta(days=days)]
        if len(before) >= least:
            yield day, cost, before


@dataclass
class Score:
    """Of all bills."""

    right: int = 0
    wrong: int = 0
    missed: int = 0
    #: Told of, on days that the ledger calls incomplete.
    incomplete: int = 0

    def add(self, made: Bill, found: Sequence[tuple[date, date]]) -> None:
        """What was found in a bill: each is right where it is beside a fault that is one."""
        there = [fault for fault in made.faults if _is_one(made, fault)]
        met = set()
        for first, last in found:
            near = [n for n, fault in enumerate(there) if _near(fault, first, last)]
            met.update(near)
            self.right += bool(near)
            self.wrong += not near
            self.incomplete += any(first <= day <= last for day in made.incomplete) and first == last
        self.missed += len(there) - len(met)

    @property
    def precision(self) -> float:
        """Of what is told of, the share that is one."""
        return self.right / max(1, self.right + self.wrong)

    @property
    def recall(self) -> float:
        """Of those that there are, the share that is told of."""
        return self.right / max(1, self.right + self.missed)


def _near(fault: Fault, first: date, last: date) -> bool:
    return first <= fault.last + timedelta(days=1) and last >= fault.first - timedelta(days=1)


def _is_one(made: Bill, fault: Fault) -> bool:
    """Whether it is as great as what has to be told of at all, on a day that is whole."""
    if fault.kind not in COUNT or fault.first in made.incomplete:
        return False
    before = [made.costs[day] for day in made.costs if fault.first - timedelta(days=15) <= day < fault.first]
    return abs(made.costs[fault.first] - statistics.median(before)) >= _LEAST


def in_a_row(days: Iterator[date]) -> list[tuple[date, date]]:
    """Days that follow each other are one."""
    rows: list[tuple[date, date]] = []
    for day in days:
        if rows and day - rows[-1][1] <= timedelta(days=1):
            rows[-1] = (rows[-1][0], day)
        else:
            rows.append((day, day))
    return rows


def measure_ours(seeds: Iterable[int]) -> Score:
    """Of the bills of these seeds."""
    score = Score()
    for made in map(bill, seeds):
        score.add(made, ours(made.whole))
    return score


def measure_others(seeds: Iterable[int]) -> dict[str, Score]:
    """By rule."""
    scores: dict[str, Score] = {}
    for made in map(bill, seeds):
        known = {day: float(cost) for day, cost in made.whole.items()}
        for name, rule in OTHERS.items():
            scores.setdefault(name, Score()).add(made, in_a_row(rule(made.seen)))
            scores.setdefault(f"{name}, whole days alone", Score()).add(made, in_a_row(rule(known)))
    return scores


def main() -> None:
    """Run the command line."""
    options = parser(__doc__)
    options.add_argument("--bills", type=int, default=_BILLS, help="how many [%(default)s]")
    asked = options.parse_args()
    began = time.process_time()
    seeds = range(_FIRST_SEED, _FIRST_SEED + asked.bills)
    scores = {"finfleet": measure_ours(seeds)} | measure_others(seeds)
    rows = [
        (name, f"{one.precision:.3f}", f"{one.recall:.3f}", str(one.right), str(one.wrong), str(one.missed),
         str(one.incomplete))
        for name, one in scores.items()
    ]  # fmt: skip
    columns = ("rule", "precision", "recall", "right", "wrong", "missed", "on incomplete days")
    show(f"Anomalies in {asked.bills} bills of half a year with 0 to 5 faults", columns, rows)
    say(f"{time.process_time() - began:.1f} s of a processor")
    own = scores["finfleet"]
    conclude({"precision": f"{own.precision:.3f}", "recall": f"{own.recall:.3f}"})


if __name__ == "__main__":
    main()
