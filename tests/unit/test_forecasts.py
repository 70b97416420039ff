"""What a month will come to: the days that are known to the last digit, the others by what recurs, with the error."""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal

import pytest

from storage.forecasts.outlook import DailyCosts, Month, outlook
from storage.forecasts.together import together

FIRST = date(2026, 1, 1)
TODAY = date(2026, 6, 13)
LAST = date(2026, 6, 10)


def known(
    cost: Callable[[date], float],
    other: Callable[[date], float] = lambda _: 0.0,
    *,
    without: frozenset[date] = frozenset(),
) -> DailyCosts:
    """Each day from the first to the last that is known."""
    days = [FIRST + timedelta(days=number) for number in range((LAST - FIRST).days + 1)]
    days = [day for day in days if day not in without]
    return DailyCosts(
        {day: Decimal(str(cost(day))) for day in days}, {day: Decimal(str(other(day))) for day in days}
    )  # fmt: skip


def june(costs: DailyCosts) -> Month:
    return outlook(costs, TODAY, 3)[0]


def near(amount: Decimal | None, wanted: float, share: float = 0.01) -> bool:
    return amount is not None and abs(float(amount) - wanted) <= share * wanted


def test_known_days_are_exact_and_the_others_are_forecast() -> None:
    found = outlook(known(lambda day: 100.01 if day.weekday() < 5 else 40.002), TODAY, 3)

    assert [month.first.month for month in found] == [6, 7, 8, 9]
    now = found[0]
    assert (now.known_days, now.expected_days) == (10, 20)
    assert now.actual == 8 * Decimal("100.01") + 2 * Decimal("40.002")
    # From the eleventh on: 14 working days and 6 of weekends.
    assert near(now.expected, 14 * 100.01 + 6 * 40.002)
    assert now.error == pytest.approx(0, abs=0.001)
    assert now.low is not None
    assert now.high is not None
    assert now.total is not None
    assert now.low <= now.total <= now.high


def test_a_month_that_is_over_is_what_it_cost() -> None:
    may = outlook(known(lambda _: 7.5), date(2026, 5, 20), 0)[0]
    assert (may.total, may.expected_days, may.method, may.error) == (31 * Decimal("7.5"), 0, "", None)


def test_a_fee_of_the_month_comes_again_and_one_that_came_once_does_not() -> None:
    monthly = known(lambda day: 400.0 if day.day == 25 else 50.0)
    once = known(lambda day: 400.0 if day == date(2026, 5, 25) else 50.0)
    assert near(june(monthly).total, 29 * 50 + 400)
    assert near(june(once).total, 30 * 50)


def test_taxes_and_credits_recur_by_their_day_of_the_month() -> None:
    found = june(known(lambda _: 50.0, lambda day: {15: 120.0, 20: -30.0}.get(day.day, 0.0)))
    assert near(found.total, 30 * 50 + 120 - 30)
    bought = june(known(lambda _: 50.0, lambda day: 9000.0 if day == date(2026, 5, 20) else 0.0))
    assert near(bought.total, 30 * 50)


def test_a_new_level_is_carried_on_and_a_spike_is_not() -> None:
    doubled = june(known(lambda day: 200.0 if day >= date(2026, 6, 4) else 100.0))
    assert near(doubled.total, 3 * 100 + 27 * 200, 0.03)
    spiked = june(known(lambda day: 900.0 if day == date(2026, 6, 9) else 100.0))
    assert near(spiked.total, 900 + 29 * 100, 0.03)


def test_growth_goes_on_and_fades() -> None:
    found = june(known(lambda day: 100.0 + (day - FIRST).days))
    linear = sum(100 + (date(2026, 6, number) - FIRST).days for number in range(1, 31))
    assert found.total is not None
    assert near(found.total, linear, 0.05)
    assert found.total < linear


def test_days_that_are_not_whole_are_forecast_wherever_they_lie() -> None:
    found = june(known(lambda _: 100.0, without=frozenset({date(2026, 6, 3), date(2026, 6, 4)})))
    assert (found.known_days, found.expected_days) == (8, 22)
    assert near(found.total, 3000)


def test_with_few_days_it_is_their_mean_and_with_fewer_than_seven_unknown() -> None:
    days = [LAST - timedelta(days=number) for number in range(17, -1, -1)]
    few = june(DailyCosts(dict.fromkeys(days, Decimal(5)), {}))
    assert (few.method, few.total, few.low, few.error) == ("mean", Decimal(150), None, None)

    fewer = june(DailyCosts(dict.fromkeys(days[-6:], Decimal(5)), {}))
    assert (fewer.expected, fewer.total, fewer.low, fewer.error) == (None, None, None, None)
    assert fewer.actual == 30
    assert outlook(DailyCosts({}, {}), TODAY, 3) == []


def test_what_recurs_each_month_does_so_in_all_of_the_months_ahead() -> None:
    found = outlook(
        known(lambda day: 400.0 if day.day == 25 else 50.0, lambda day: 70.0 if day.day == 1 else 0.0), TODAY, 3
    )
    for month, days in zip(found, (30, 31, 31, 30), strict=True):
        assert near(month.total, (days - 1) * 50 + 400 + 70)


def test_a_fee_of_the_twenty_eighth_and_of_the_last_day_come_in_february_too() -> None:
    days = [date(2025, 9, 1) + timedelta(days=number) for number in range((date(2026, 2, 17) - date(2025, 9, 1)).days)]
    for day_of_month, last in ((28, False), (0, True)):
        costs = {
            day: Decimal(1000 if day.day == day_of_month or (last and (day + timedelta(days=1)).day == 1) else 100)
            for day in days
        }
        assert near(outlook(DailyCosts(costs, {}), date(2026, 2, 18), 0)[0].total, 27 * 100 + 1000)


def test_what_is_given_back_stays_so() -> None:
    found = june(known(lambda _: -33.0))
    assert found.total is not None
    assert near(-found.total, 990)
    assert found.error == pytest.approx(0, abs=0.001)


def test_digits_are_kept_and_amounts_that_are_no_costs_are_left_out() -> None:
    exact = DailyCosts({**known(lambda _: 1.0).usage, LAST: Decimal("30864197253086419728.086419725300")}, {})
    assert june(exact).actual == Decimal("30864197253086419737.086419725300")
    assert june(known(lambda _: 1e26)).expected is not None
    assert outlook(DailyCosts({LAST: Decimal("1e200")}, {}), TODAY, 3) == []


def test_accounts_add_up_and_what_is_unknown_of_one_is_counted() -> None:
    one, other = june(known(lambda _: 100.0)), june(known(lambda _: 10.0))
    days = [LAST - timedelta(days=number) for number in range(3)]
    new = june(DailyCosts(dict.fromkeys(days, Decimal(5)), {}))
    found = together([one, other, new])
    assert near(found.total, 3300)
    assert (found.left_out, found.known_days) == (1, 10)
    assert found.low is not None
    assert one.low is not None
    assert other.low is not None
    assert found.low == one.low + other.low
    assert together([new, new])._replace(left_out=0) == new._replace(actual=2 * new.actual)


def test_without_eight_tries_no_error_is_told() -> None:
    days = [LAST - timedelta(days=number) for number in range(60, -1, -1)]
    found = june(DailyCosts(dict.fromkeys(days, Decimal(5)), {}))
    assert near(found.total, 150)
    assert found.tries < 8
    assert (found.error, found.low, found.high) == (None, None, None)


def test_where_the_last_week_carried_on_was_less_off_it_is_taken() -> None:
    # Two levels in turn, three weeks each: nothing but the newest days tells the next ones.
    found = june(known(lambda day: 100.0 + 60 * ((day - FIRST).days // 9 % 2)))
    assert found.error is not None
    assert found.naive_error is not None
    assert found.error <= found.naive_error
