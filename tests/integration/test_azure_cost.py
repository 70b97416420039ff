"""The bill of a subscription against the local Azure: every row of every page, or nothing."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from emulators.azure import DEFAULT_SUBSCRIPTION, LocalAzure
from emulators.azure.cost import CostLine as Line
from emulators.azure.seed import seed_costs
from telemetry.batch import Outcome
from telemetry.costs import ChargeCategory
from telemetry.errors import CollectionFailed, Unavailable
from telemetry.target import Window
from tests.support.azure import forget, shared, standing_azure
from tests.support.collecting import Collected, collect

TARGET = "azure/default/global/cost"
DAY = Window(datetime(2026, 11, 22, tzinfo=UTC), datetime(2026, 11, 23, tzinfo=UTC))
_DATE = DAY.start.date()
_QUERY = "costmanagement:query"
_VM = f"/subscriptions/{DEFAULT_SUBSCRIPTION}/resourceGroups/Web/providers/Microsoft.Compute/virtualMachines/vm-1"


@pytest.fixture(scope="module")
def running() -> Iterator[LocalAzure]:
    with standing_azure() as azure:
        yield azure


@pytest.fixture
def azure(running: LocalAzure) -> LocalAzure:
    forget(running)
    running.costs.clear()
    running.costs.page_size = 5000
    return running


def _load(azure: LocalAzure, *lines: Line, day: date = _DATE) -> None:
    azure.costs.load(DEFAULT_SUBSCRIPTION, day, lines)


def _sums(collected: Collected, breakdown: str = "") -> dict[str, tuple[Decimal, Decimal]]:
    """Currency -> (billed, effective)."""
    billed: defaultdict[str, Decimal] = defaultdict(Decimal)
    effective: defaultdict[str, Decimal] = defaultdict(Decimal)
    for line in collected.costs(breakdown):
        assert (line.billed_cost is None) != (line.effective_cost is None)
        billed[line.currency] += line.billed_cost or 0
        effective[line.currency] += line.effective_cost or 0
    return {currency: (billed[currency], effective[currency]) for currency in billed.keys() | effective.keys()}


def test_a_line_says_what_was_charged_for_what(azure: LocalAzure) -> None:
    _load(
        azure,
        Line(resource_id=_VM, service_name="Virtual Machines", resource_location="US East", cost=Decimal("1.25")),
        Line(service_name="Storage", resource_location="Unassigned", cost=Decimal("-0.5"), charge_type="Refund"),
    )
    collected = collect(shared(azure), TARGET, DAY)
    assert collected.report.outcome is Outcome.COMPLETE
    refund, machine = sorted((one for one in collected.costs() if one.billed_cost), key=lambda one: one.resource_id)
    assert (machine.start, machine.end, machine.currency) == (DAY.start, DAY.end, "USD")
    assert machine.billed_cost == Decimal("1.25")
    assert (machine.resource_id, machine.region_id) == (_VM.lower(), "US East")
    assert (machine.service_name, machine.sub_account_id) == ("Virtual Machines", DEFAULT_SUBSCRIPTION)
    assert (machine.charge_type, machine.charge_category) == ("Usage", ChargeCategory.USAGE)
    assert (refund.charge_type, refund.charge_category, refund.region_id) == ("Refund", ChargeCategory.ADJUSTMENT, "")
    assert _sums(collected) == {"USD": (Decimal("0.75"), Decimal("0.75"))}


def test_purchases_are_billed_on_their_day_and_effective_over_their_time(azure: LocalAzure) -> None:
    _load(
        azure,
        Line(service_name="Virtual Machines", cost=Decimal(300), in_amortized=False, charge_type="Purchase"),
        Line(service_name="Virtual Machines", cost=None, amortized=Decimal(10)),
        Line(service_name="Virtual Machines", cost=None, amortized=Decimal(2), charge_type="UnusedReservation"),
    )
    collected = collect(shared(azure), TARGET, DAY)
    assert _sums(collected) == {"USD": (Decimal(300), Decimal(12))}
    assert {one.charge_type: one.charge_category for one in collected.costs()} == {
        "Purchase": ChargeCategory.PURCHASE,
        "Usage": ChargeCategory.USAGE,
        "UnusedReservation": ChargeCategory.USAGE,
    }


def test_twenty_five_thousand_rows_over_six_pages_arrive_whole(azure: LocalAzure) -> None:
    azure.costs.page_size = 4500
    _load(azure, *(Line(resource_id=f"{_VM}{n}", service_name="S", cost=Decimal(n)) for n in range(25_000)))
    collected = collect(shared(azure), TARGET, DAY)
    assert collected.error is None
    assert azure.calls()[_QUERY] == collected.calls["costmanagement.query"] == 12
    total = Decimal(sum(range(25_000)))
    assert _sums(collected) == {"USD": (total, total)}
    assert len({one.resource_id for one in collected.costs() if one.billed_cost is not None}) == 25_000


def test_a_page_that_is_gone_in_the_middle_fails_the_whole_day(azure: LocalAzure) -> None:
    azure.costs.page_size = 100
    _load(azure, *(Line(resource_id=f"{_VM}{n}", service_name="S", cost=Decimal(1)) for n in range(600)))
    azure.faults.inject("bad_page", after=3)
    collected = collect(shared(azure), TARGET, DAY)
    assert collected.report.outcome is Outcome.FAILED
    assert isinstance(collected.error, Unavailable)
    assert "between two pages" in str(collected.error)
    assert not any(batch.final for batch in collected.batches)


def test_a_day_without_costs_is_empty(azure: LocalAzure) -> None:
    assert collect(shared(azure), TARGET, DAY).report.outcome is Outcome.EMPTY


def test_an_answer_without_content_is_empty(azure: LocalAzure) -> None:
    _load(azure, Line(service_name="S", cost=Decimal(1)))
    azure.faults.inject("no_content")
    collected = collect(shared(azure), TARGET, DAY)
    assert collected.error is None
    assert collected.report.outcome is Outcome.EMPTY


def test_currencies_are_kept_apart(azure: LocalAzure) -> None:
    _load(
        azure,
        Line(service_name="S", cost=Decimal(1), currency="EUR"),
        Line(service_name="S", cost=Decimal(2), currency="NOK"),
    )
    assert _sums(collect(shared(azure), TARGET, DAY)) == {
        "EUR": (Decimal(1), Decimal(1)),
        "NOK": (Decimal(2), Decimal(2)),
    }


def test_tags_are_the_same_money_cut_another_way(azure: LocalAzure) -> None:
    _load(
        azure,
        Line(service_name="S", cost=Decimal(3), tags={"Team": "search"}),
        Line(service_name="S", cost=Decimal(4), tags={"other": "x"}),
    )
    collected = collect(shared(azure, cost_tags=["team"]), TARGET, DAY)
    assert _sums(collected, "tag:team") == _sums(collected) == {"USD": (Decimal(7), Decimal(7))}
    found = {line.tags.get("team"): line.billed_cost for line in collected.costs("tag:team") if line.billed_cost}
    assert found == {"search": Decimal(3), None: Decimal(4)}
    assert azure.calls()[_QUERY] == 4


def test_other_days_are_not_in_it(azure: LocalAzure) -> None:
    for offset in (-1, 0, 1):
        _load(azure, Line(service_name="S", cost=Decimal(10 + offset)), day=DAY.start.date() + timedelta(days=offset))
    assert _sums(collect(shared(azure), TARGET, DAY)) == {"USD": (Decimal(10), Decimal(10))}


def test_several_days_have_a_line_each(azure: LocalAzure) -> None:
    for offset in range(3):
        _load(azure, Line(service_name="S", cost=Decimal(offset)), day=DAY.start.date() + timedelta(days=offset))
    lines = collect(shared(azure), TARGET, Window(DAY.start, DAY.start + timedelta(days=3))).costs()
    found = {(one.start.day, one.end.day): one.billed_cost for one in lines if one.billed_cost is not None}
    assert found == {(22, 23): Decimal(0), (23, 24): Decimal(1), (24, 25): Decimal(2)}


def test_weeks_of_everything_add_up_exactly(azure: LocalAzure) -> None:
    seed = seed_costs(azure)
    subscription, day = next(key for key in sorted(seed.days) if key[0] == DEFAULT_SUBSCRIPTION)
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    collected = collect(shared(azure), TARGET, Window(start, start + timedelta(days=1)))
    expected = {
        kind: seed.totals(subscription=subscription, first=day, last=day, amortized=kind == "effective")
        for kind in ("billed", "effective")
    }
    for currency, (billed, effective) in _sums(collected).items():
        # Azure writes floats: each row is off by less than a part in 10^15.
        assert float(billed) == pytest.approx(float(expected["billed"][currency, ""]), rel=1e-12)
        assert float(effective) == pytest.approx(float(expected["effective"][currency, ""]), rel=1e-12)


@pytest.mark.parametrize(
    ("window", "fault"),
    [
        (Window(DAY.start + timedelta(hours=1), DAY.end + timedelta(hours=1)), "begin at midnight, UTC"),
        (Window(DAY.start, DAY.start + timedelta(hours=1)), "use a multiple of 1d"),
    ],
)
def test_windows_that_have_no_costs_are_refused_before_a_call(azure: LocalAzure, window: Window, fault: str) -> None:
    collected = collect(shared(azure), TARGET, window)
    assert isinstance(collected.error, CollectionFailed)
    assert fault in str(collected.error)
    assert azure.calls() == {}
