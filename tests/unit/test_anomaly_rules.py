"""What is called an anomaly: on bills with known faults, and one example of each kind."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from benchmarks.anomalies import measure_ours
from storage.anomalies.detect import Found, find
from storage.anomalies.rules import Rules
from storage.anomalies.series import Key, Series

FIRST = date(2026, 1, 1)
RULES = Rules()
KEY = Key("aws", "111111111111", "EC2", "USD")


def found(costs: dict[int, float], days: int = 120, rules: Rules = RULES, usual: float = 100.0) -> list[Found]:
    """In a bill of the usual cost, but for these days; the cost of a day that is unknown is -1."""
    told = {number: costs.get(number, usual + number % 2) for number in range(days)}
    known = {FIRST + timedelta(days=n): Decimal(str(cost)) for n, cost in told.items() if cost >= 0}
    return find(Series(KEY, known), rules)


def spans(all_found: list[Found]) -> list[tuple[str, int, int]]:
    return [(one.kind.value, (one.days[0] - FIRST).days, (one.days[-1] - FIRST).days) for one in all_found]


def test_of_two_hundred_bills_with_faults_nearly_all_are_told_and_nothing_on_a_day_that_is_not_whole() -> None:
    score = measure_ours(range(2000, 2200))  # others than the rules were made on
    assert score.precision >= 0.93
    assert score.recall >= 0.97
    assert score.incomplete == 0


@pytest.mark.parametrize(
    ("costs", "expected"),
    [
        pytest.param({}, [], id="nothing"),
        pytest.param({60: 200.0}, [("spike", 60, 60)], id="a day"),
        pytest.param({60: 200.0, 61: 210.0}, [("spike", 60, 61)], id="two days"),
        pytest.param({60: 0.0}, [("spike", 60, 60)], id="a day without costs"),
        pytest.param({60: 108.0}, [], id="less than what is told of"),
        pytest.param({60: 200.0, 61: 20.0}, [("spike", 60, 60), ("spike", 61, 61)], id="up and down"),
        pytest.param({n: 200.0 + n % 2 for n in range(60, 120)}, [("shift", 60, 62)], id="a new level"),
        pytest.param(dict.fromkeys(range(60, 120), 0.0), [("shift", 60, 62)], id="gone"),
        pytest.param(dict.fromkeys(range(60), 0.0), [("shift", 60, 62)], id="new"),
        pytest.param(dict.fromkeys(range(60, 80), 200.0), [("shift", 60, 62), ("shift", 80, 82)], id="and back"),
        pytest.param({119: 200.0}, [("spike", 119, 119)], id="the newest day"),
        pytest.param(
            {60: 200.0, 61: -1, 62: 200.0, 63: 201.0}, [("shift", 60, 63), ("shift", 64, 66)], id="a gap within"
        ),
        pytest.param(dict.fromkeys(range(40, 60), -1), [], id="three weeks unknown"),
        pytest.param({n: 100.0 * 1.02**n for n in range(120)}, [], id="growth"),
        pytest.param({n: 40.0 for n in range(120) if (FIRST + timedelta(days=n)).weekday() > 4}, [], id="weekends"),
        pytest.param(dict.fromkeys((0, 31, 59, 90), 300.0), [], id="fees of the month"),
        pytest.param({30: 300.0, 58: 300.0, 89: 300.0}, [("spike", 30, 30)], id="fees of its last day"),
        pytest.param({5: 900.0}, [], id="too early to tell"),
        pytest.param(
            dict.fromkeys(range(120), 0.0) | dict.fromkeys((31, 59, 90), 300.0),
            [("spike", 31, 31)],
            id="a fee in a service of its own",
        ),
        pytest.param(
            dict.fromkeys(range(61, 70), -1) | {60: 400.0, 70: 400.0, 71: 400.0},
            [("spike", 60, 60), ("spike", 70, 71)],
            id="no row across a gap",
        ),
    ],
)
def test_one_of_each_kind(costs: dict[int, float], expected: list[tuple[str, int, int]]) -> None:
    assert spans(found(costs)) == expected


def test_each_bound_is_a_setting() -> None:
    costs = {60: 140.0}
    assert spans(found(costs)) == [("spike", 60, 60)]
    assert not found(costs, rules=Rules(amount=Decimal(50)))
    assert not found(costs, rules=Rules(share=0.5))
    assert not found(costs, rules=Rules(deviations=50))
    assert not found(costs, rules=Rules(amounts={"USD": Decimal(50)}))
    assert found(costs, rules=Rules(amounts={"EUR": Decimal(50)}))


def test_what_it_cost_is_the_bill_to_the_last_digit() -> None:
    (one,) = found({60: 200.123456789})
    assert one.actual == Decimal("200.123456789")
    assert one.excess == one.actual - one.expected


def test_later_days_change_nothing_of_what_was_told_but_whether_it_stayed() -> None:
    costs = dict.fromkeys(range(60, 120), 200.0) | {30: 0.0, 100: 900.0}
    for days in range(62, 120):
        now = spans(found(costs, days))
        later = {one[1] for one in spans(found(costs, 120))}
        assert {one[1] for one in now} <= later


def test_a_spike_of_a_working_day_is_no_fee_because_a_former_one_was_beside_a_weekend() -> None:
    """Of each day of three weeks; weekends cost a fifth."""
    usual = {n: 20.0 if (FIRST + timedelta(days=n)).weekday() > 4 else 100.0 for n in range(150)}
    for number in range(91, 112):
        if (FIRST + timedelta(days=number)).weekday() < 5:
            assert spans(found(usual | {number: 160.0}, 150)) == [("spike", number, number)]


def test_a_cost_beyond_all_measure_ends_nothing() -> None:
    (one,) = found({60: 9e26})
    assert one.actual == Decimal("9e26")
