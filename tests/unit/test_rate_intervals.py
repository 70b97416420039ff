"""Intervals and what lies over them say what the single rates say."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from storage.folding.intervals import Chain, Interval, overlay

START = datetime(2026, 11, 24, tzinfo=UTC)
MONTH = START.date().replace(day=1)
CHAINS: list[Chain] = [(1, 300, 0, MONTH), (1, 300, 60, MONTH), (1, 60, 0, MONTH), (2, 300, 0, MONTH)]
AMOUNTS = [Decimal("1.0"), Decimal("1.00"), Decimal(2)]

Rates = dict[tuple[Chain, int], Decimal]
"""The amount by chain and place in it."""


def intervals(rates: Rates, *, apart: bool = False) -> list[Interval]:
    """As few as can be, or with ``apart`` one for each rate."""
    found: list[Interval] = []
    for chain, place in sorted(rates):
        period = timedelta(seconds=chain[1])
        start = START + timedelta(seconds=chain[2]) + place * period
        amount = rates[chain, place]
        last = found[-1] if found else None
        if last is not None and not apart and (last.chain, last.until, str(last.amount)) == (chain, start, str(amount)):
            found[-1] = last._replace(until=start + period)
        else:
            found.append(Interval(chain, start, start + period, amount, "USD", "on_demand_list", "m5.large"))
    return found


def rates() -> st.SearchStrategy[Rates]:
    return st.dictionaries(
        st.tuples(st.sampled_from(CHAINS), st.integers(0, 12)), st.sampled_from(AMOUNTS), max_size=30
    )


def said(found: list[Interval]) -> list[tuple[object, ...]]:
    return sorted(one.identity for one in found)


@given(rates(), rates(), st.booleans())
def test_new_rates_lie_over_the_known_ones_and_what_is_the_same_is_one(known: Rates, new: Rates, apart: bool) -> None:
    assert said(overlay(intervals(known), intervals(new, apart=apart))) == said(intervals(known | new))


def test_a_gap_is_never_bridged() -> None:
    known: Rates = {(CHAINS[0], place): Decimal(1) for place in (0, 1, 3, 4)}
    first, second = overlay(intervals(known), [])
    assert second.start - first.until == timedelta(minutes=5)
