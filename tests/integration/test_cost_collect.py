"""Costs of AWS against a local Cost Explorer: every figure to the last digit, at the least number of paid calls."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from agents.core.collection import Collection
from agents.core.service import find
from emulators.aws import LocalAws
from emulators.aws.cost import CostLine as Charge
from emulators.aws.seed import seed_costs
from storage.database import Database
from telemetry.batch import Outcome, Run
from telemetry.costs import CostLine
from telemetry.errors import BudgetReached, CollectionFailed, Denied, Throttled, Unavailable
from telemetry.target import Target, Window
from tests.support import writing
from tests.support.collecting import Collected, collect
from tests.support.costs import ACCOUNT, DAY, OTHER, TARGET, cost_line, days_back, shared_with_costs
from tests.support.ec2 import ACCESS_KEY, NOW, SECRET_KEY, standing_aws

API = "ce.GetCostAndUsage"
CENT = Decimal("0.01")
METRICS = ("UnblendedCost", "AmortizedCost", "NetUnblendedCost", "NetAmortizedCost")
FIRST = Window(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 2, tzinfo=UTC))
"""The day of the month on which the seed has taxes and credits too."""
ROLE = f"arn:aws:iam::{ACCOUNT}:role/reader"

Sums = dict[tuple[str, ...], dict[str, Decimal]]


@pytest.fixture
def aws() -> Iterator[LocalAws]:
    with standing_aws() as running:
        yield running


def _charged(charges: list[Charge], day: Window, key: Callable[[Charge], tuple[str, ...]]) -> Sums:
    """What the local AWS holds of a day, summed up here by what `key` says of a charge."""
    sums: defaultdict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    for charge in charges:
        if charge.start in day:
            for metric in METRICS:
                sums[key(charge)][metric] += charge.amount(metric)  # type: ignore[assignment]  # a Counter of Decimal
    return {place: dict(amounts) for place, amounts in sums.items()}  # type: ignore[arg-type]  # the same


def _read(lines: list[CostLine], key: Callable[[CostLine], tuple[str, ...]]) -> Sums:
    found = {key(line): line.amounts for line in lines}
    assert len(found) == len(lines), "a line for each combination"
    return found


def _billed(collected: Collected) -> Decimal:
    return sum((line.billed_cost or Decimal(0) for line in collected.costs("")), Decimal(0))


def _paid(collected: Collected) -> Decimal | None:
    (use,) = collected.report.apis
    assert use.api == "ce:GetCostAndUsage"
    return use.cost_usd


def test_every_way_to_cut_a_day_has_what_the_local_aws_holds_to_the_last_digit(aws: LocalAws) -> None:
    charges = seed_costs(aws, 25)
    collected = collect(shared_with_costs(aws, cost_tags=["team", "absent"]), TARGET, FIRST)

    assert collected.report.outcome is Outcome.COMPLETE
    assert _read(
        collected.costs(""), lambda line: (line.charge_type, line.sub_account_id, line.service_name)
    ) == _charged(charges, FIRST, lambda charge: (charge.record_type, charge.account, charge.service))
    assert _read(collected.costs("region"), lambda line: (line.region_id, line.charge_type)) == _charged(
        charges, FIRST, lambda charge: (charge.region, charge.record_type)
    )
    assert _read(collected.costs("tag:team"), lambda line: (line.tags.get("team", ""), line.service_name)) == _charged(
        charges, FIRST, lambda charge: (charge.tags.get("team", ""), charge.service)
    )
    absent = collected.costs("tag:absent")
    assert _read(absent, lambda line: (line.service_name,)) == _charged(charges, FIRST, lambda one: (one.service,))
    assert all(line.tags == {} for line in absent)
    assert {line.breakdown for line in collected.costs()} == {"", "region", "tag:team", "tag:absent"}


def test_a_line_says_what_focus_asks_for(aws: LocalAws) -> None:
    seed_costs(aws, 25)
    lines = collect(shared_with_costs(aws), TARGET, FIRST).costs("")
    for line in lines:
        assert (line.start, line.end, line.currency, line.estimated) == (FIRST.start, FIRST.end, "USD", True)
        assert line.billed_cost == line.amounts["UnblendedCost"]
        assert line.effective_cost == line.amounts["NetAmortizedCost"]
        assert line.quantity is None
        assert (line.list_cost, line.contracted_cost, line.region_id) == (None, None, "")
    assert {(line.charge_type, line.charge_category) for line in lines} == {
        ("Usage", "Usage"),
        ("SavingsPlanCoveredUsage", "Usage"),
        ("Tax", "Tax"),
        ("Credit", "Credit"),
    }
    assert {(line.sub_account_id, line.sub_account_name) for line in lines} == {
        (ACCOUNT, "account-1"),
        (OTHER, "account-2"),
    }


def test_the_calls_are_the_least_and_each_is_a_cent(aws: LocalAws) -> None:
    seed_costs(aws, 25)
    collected = collect(shared_with_costs(aws, cost_tags=["team"]), TARGET, FIRST)
    # By region, four record types, one tag key.
    assert collected.calls == aws.calls() == {API: 6}
    assert _paid(collected) == 6 * CENT
    aws.log.reset()
    usual = collect(shared_with_costs(aws), TARGET, days_back(2))
    assert usual.calls == aws.calls() == {API: 3}
    assert _paid(usual) == 3 * CENT
    aws.costs.clear()
    aws.costs.load([cost_line("1")])
    estimate = find("aws", "cost").estimate(DAY, 1)
    one = collect(shared_with_costs(aws), TARGET, DAY)
    assert {API: estimate.calls["ce:GetCostAndUsage"]} == one.calls
    assert estimate.cost_usd == _paid(one)


def test_every_page_is_read_and_paid(aws: LocalAws) -> None:
    charges = seed_costs(aws, 25)
    aws.costs.page_size = 3
    collected = collect(shared_with_costs(aws), TARGET, FIRST)
    assert collected.report.outcome is Outcome.COMPLETE
    assert _billed(collected) == sum((one.unblended for one in charges if one.start in FIRST), Decimal(0))
    groups = Counter(line.charge_type for line in collected.costs(""))
    pages = -(-len(collected.costs("region")) // 3) + sum(-(-count // 3) for count in groups.values())
    assert pages > 7
    assert collected.calls == aws.calls() == {API: pages}
    assert _paid(collected) == pages * CENT


def test_memory_holds_a_page_and_sums(aws: LocalAws) -> None:
    aws.costs.load([cost_line("1", f"service {number}") for number in range(40)])
    aws.costs.page_size = 10
    collection = Collection(shared_with_costs(aws), Run.start(Target.parse(TARGET), DAY, 1, NOW), batch_limit=8)
    batches = collection.batches()
    next(batches)
    assert aws.calls() == {API: 2}, "the region, and the first page of services: the rest is not asked for yet"


def test_several_days_in_one_window_keep_their_days(aws: LocalAws) -> None:
    charges = seed_costs(aws, 25)
    week = Window(days_back(8).start, days_back(2).end)
    collected = collect(shared_with_costs(aws, intervals={"cost": "7d"}), TARGET, week)
    for back in range(2, 9):
        day = days_back(back)
        lines = [line for line in collected.costs("") if line.start == day.start]
        assert {line.end for line in lines} == {day.end}
        assert _read(lines, lambda line: (line.charge_type, line.sub_account_id, line.service_name)) == _charged(
            charges, day, lambda charge: (charge.record_type, charge.account, charge.service)
        )
    assert collected.calls == {API: 3}


def test_a_day_without_costs_is_empty_and_one_of_nothing_but_zeros_is_not(aws: LocalAws) -> None:
    process = shared_with_costs(aws, cost_tags=["team"])
    empty = collect(process, TARGET, DAY)
    assert (empty.report.outcome, empty.report.records) == (Outcome.EMPTY, 0)
    assert empty.calls == {API: 2}
    aws.costs.load([cost_line("0", usage_quantity=Decimal(5))])
    free = collect(process, TARGET, DAY)
    assert [line.billed_cost for line in free.costs("")] == [Decimal(0)]
    assert free.report.outcome is Outcome.COMPLETE


def test_a_settled_month_is_no_estimate_and_an_unknown_record_type_has_no_category(aws: LocalAws) -> None:
    october = Window(datetime(2026, 10, 5, tzinfo=UTC), datetime(2026, 10, 6, tzinfo=UTC))
    aws.costs.load([cost_line("-0.0000000001", day=october, record_type="Enterprise Discount Program Discount")])
    (line,) = collect(shared_with_costs(aws), TARGET, october).costs("")
    assert line.estimated is False
    assert (line.charge_type, line.charge_category) == ("Enterprise Discount Program Discount", "")
    assert line.billed_cost == Decimal("-0.0000000001")


@pytest.mark.parametrize("currency", ["INR", "CNY"])
def test_the_currency_is_the_providers(aws: LocalAws, currency: str) -> None:
    aws.costs.load([cost_line("5", currency=currency)])
    assert {line.currency for line in collect(shared_with_costs(aws), TARGET, DAY).costs()} == {currency}


def test_net_costs_that_are_withheld_are_missing_not_zero_and_asked_for_once(aws: LocalAws) -> None:
    aws.costs.net = False
    aws.costs.load([cost_line("10", amortized=Decimal(7))])
    process = shared_with_costs(aws)
    for refused in (1, 0):
        aws.log.reset()
        collected = collect(process, TARGET, DAY)
        (line,) = collected.costs("")
        assert line.amounts == {"UnblendedCost": 10, "AmortizedCost": 7}
        assert line.effective_cost == Decimal(7)
        assert collected.calls == aws.calls() == {API: 2 + refused}
        assert _paid(collected) == 2 * CENT, "a refusal is not billed"


def test_a_restated_day_read_again_has_the_new_amounts_alone(aws: LocalAws) -> None:
    process = shared_with_costs(aws)
    seen = []
    for amount in ("10", "12.5", "11.0000000001"):
        aws.costs.restate(DAY.start.date(), [cost_line(amount), cost_line("1", "Amazon S3")])
        seen.append(_billed(collect(process, TARGET, DAY)))
    assert seen == [Decimal(11), Decimal("13.5"), Decimal("12.0000000001")]


def test_of_three_readings_in_the_ledger_the_last_stands_and_no_total_doubles(
    aws: LocalAws, database: Database
) -> None:
    process = shared_with_costs(aws)
    with database.connection() as connection:
        writing.plan(connection, Target.parse(TARGET), DAY, attempt=3)
        for attempt, amount in enumerate(("10", "12.5", "11.0000000001"), 1):
            aws.costs.restate(DAY.start.date(), [cost_line(amount), cost_line("1", "Amazon S3")])
            collected = collect(process, TARGET, DAY, attempt)
            writing.put(connection, *collected.batches, collected.report, now=NOW)
        bill = connection.execute("SELECT sum(billed_cost), count(*) FROM reporting.costs").fetchall()
        history = connection.execute(
            "SELECT attempt, billed_cost, is_current FROM reporting.cost_history ORDER BY attempt"
        ).fetchall()
        apis = connection.execute("SELECT sum(api_cost_usd) FROM finfleet.runs").fetchone()
    assert bill == [(Decimal("12.0000000001"), 2)]
    assert history == [
        (1, Decimal(11), False),
        (2, Decimal("13.5"), False),
        (3, Decimal("12.0000000001"), True),
    ]
    assert apis == (aws.calls()[API] * CENT,), "every reading is paid"


@pytest.mark.parametrize("after", ["region", "whole"])
def test_a_day_that_is_restated_between_two_calls_is_not_published_as_whole(aws: LocalAws, after: str) -> None:
    aws.costs.load([cost_line("10", tags={"team": "a"}), cost_line("2", record_type="Tax")])
    run = Run.start(Target.parse(TARGET), DAY, 1, NOW)
    collection = Collection(shared_with_costs(aws, cost_tags=["team"]), run, batch_limit=2)
    batches = collection.batches()
    seen = 0
    while seen < (1 if after == "region" else 3):
        seen += next(batches).record_count
    aws.costs.restate(DAY.start.date(), [cost_line("11"), cost_line("2", record_type="Tax")])
    with pytest.raises(CollectionFailed, match=r"contradicts itself: AmortizedCost of .* on 2026-11-22 is") as caught:
        list(batches)
    report = collection.report(caught.value)
    assert report.outcome is Outcome.FAILED
    assert "they are read anew at the next attempt" in report.error


def test_a_restatement_between_two_pages_is_read_anew(aws: LocalAws) -> None:
    aws.costs.page_size = 2
    aws.costs.load([cost_line("1", f"service {number}") for number in range(5)])
    run = Run.start(Target.parse(TARGET), DAY, 1, NOW)
    batches = Collection(shared_with_costs(aws), run, batch_limit=2).batches()
    next(batches)
    aws.costs.restate(DAY.start.date(), [cost_line("1")])
    with pytest.raises(Unavailable, match="BillExpirationException"):
        list(batches)


def test_amounts_that_aws_rounds_differently_are_no_contradiction(aws: LocalAws) -> None:
    """Ten decimals a group is all that Cost Explorer has."""
    third = Decimal("0.00000000033")
    aws.costs.load([cost_line(str(third), f"service {number}") for number in range(3)])
    aws.costs.decimals = 10
    collected = collect(shared_with_costs(aws), TARGET, DAY)
    assert collected.report.outcome is Outcome.COMPLETE
    assert [line.billed_cost for line in collected.costs("region")] == [Decimal("0.0000000010")]
    assert _billed(collected) == Decimal("0.0000000009")


def test_a_missing_permission_is_named(aws: LocalAws) -> None:
    aws.inject("deny", service="ce")
    collected = collect(shared_with_costs(aws), TARGET, DAY)
    assert isinstance(collected.error, Denied)
    assert (collected.report.outcome, collected.report.permission) == (Outcome.DENIED, "ce:GetCostAndUsage")
    assert find("aws", "cost").permissions == ("ce:GetCostAndUsage",)
    assert collected.calls == aws.calls() == {API: 1}
    assert _paid(collected) == 0
    for secret in (ACCESS_KEY, SECRET_KEY):
        assert secret not in f"{collected.error!r} {collected.report}"


def test_an_account_that_is_denied_harms_no_other(aws: LocalAws) -> None:
    seed_costs(aws, 5)
    accounts = [{"name": "denied", "role_arn": f"arn:aws:iam::{OTHER}:role/reader"}, {"name": "fine", "role_arn": ROLE}]
    process = shared_with_costs(aws, accounts=accounts)
    aws.inject("deny", service="ce", account=OTHER)
    denied = collect(process, "aws/denied/global/cost", DAY)
    fine = collect(process, "aws/fine/global/cost", DAY)
    assert denied.report.outcome is Outcome.DENIED
    assert fine.report.outcome is Outcome.COMPLETE
    assert fine.costs("")


def test_cost_explorer_that_was_never_opened_is_no_missing_permission(aws: LocalAws) -> None:
    aws.costs.enabled = False
    collected = collect(shared_with_costs(aws), TARGET, DAY)
    assert (collected.report.outcome, collected.report.permission) == (Outcome.DENIED, "")
    assert "open Cost Explorer once in the Billing console" in collected.report.error
    assert "allow ce:" not in collected.report.error
    aws.costs.enabled, aws.costs.available = True, False
    collected = collect(shared_with_costs(aws), TARGET, DAY)
    assert collected.report.outcome is Outcome.FAILED
    assert "its data takes a day" in collected.report.error


def test_throttled_for_a_moment_it_completes_and_refused_calls_are_not_paid(aws: LocalAws) -> None:
    charges = seed_costs(aws, 5)
    aws.inject("throttle", after=1, count=1, retry_after_ms=10)
    collected = collect(shared_with_costs(aws), TARGET, days_back(2))
    assert collected.report.outcome is Outcome.COMPLETE
    assert _billed(collected) == sum((one.unblended for one in charges if one.start in days_back(2)), Decimal(0))
    throttled = aws.calls(outcome="throttle")
    assert throttled == {API: 1}
    assert (collected.calls, collected.throttles) == (aws.calls(), throttled)
    assert _paid(collected) == aws.calls(outcome="ok")[API] * CENT


def test_throttled_for_good_it_names_the_scope_and_the_wait(aws: LocalAws) -> None:
    aws.inject("throttle", service="ce", retry_after_ms=50)
    collected = collect(shared_with_costs(aws), TARGET, DAY)
    assert isinstance(collected.error, Throttled)
    assert (collected.error.scope, collected.error.retry_after) == ("aws/default/us-east-1/ce:*", 0.05)
    assert collected.report.outcome is Outcome.THROTTLED


def test_the_budget_of_the_day_defers_what_it_does_not_hold(aws: LocalAws) -> None:
    seed_costs(aws, 5)
    process = shared_with_costs(aws, budget_usd_per_day=0.05)
    assert collect(process, TARGET, days_back(2)).report.outcome is Outcome.COMPLETE
    collected = collect(process, TARGET, days_back(3))
    assert isinstance(collected.error, BudgetReached)
    assert aws.calls() == {API: 5}
    midnight = (NOW + timedelta(days=1)).replace(hour=0, minute=0, second=0)
    assert collected.report.not_before == midnight
    assert "raise budget_usd_per_day" in collected.report.error


def test_a_page_token_that_fails_fails_the_run_as_one_to_try_again(aws: LocalAws) -> None:
    seed_costs(aws, 5)
    aws.costs.page_size = 3
    aws.inject("bad_page_token", service="ce")
    collected = collect(shared_with_costs(aws), TARGET, DAY)
    assert isinstance(collected.error, Unavailable)
    assert "between two pages" in collected.report.error


def test_an_expired_token_is_renewed_and_the_call_made_again(aws: LocalAws) -> None:
    charges = seed_costs(aws, 5)
    process = shared_with_costs(aws, accounts=[{"name": "reader", "role_arn": ROLE}])
    aws.inject("expired_token", service="ce", after=1)
    collected = collect(process, "aws/reader/global/cost", DAY)
    assert collected.error is None
    assert _billed(collected) == sum((one.unblended for one in charges if one.start in DAY), Decimal(0))
    assert collected.calls == aws.calls()
    assert aws.calls()["sts.AssumeRole"] == 2


def test_a_linked_account_has_its_own_costs(aws: LocalAws) -> None:
    seed_costs(aws, 5)
    process = shared_with_costs(aws, accounts=[{"name": "linked", "role_arn": f"arn:aws:iam::{OTHER}:role/reader"}])
    lines = collect(process, "aws/linked/global/cost", DAY).costs("")
    assert {line.sub_account_id for line in lines} == {OTHER}


@pytest.mark.parametrize("regions", [["eu-west-1", "us-west-2"], "all"])
def test_it_is_asked_where_cost_explorer_is(aws: LocalAws, regions: Any) -> None:
    aws.costs.load([cost_line("1")])
    assert collect(shared_with_costs(aws, regions=regions, region="eu-west-1"), TARGET, DAY).error is None
    assert {call.region for call in aws.records()} == {"us-east-1"}


@pytest.mark.parametrize(
    ("window", "said"),
    [
        (Window(DAY.start, DAY.start + timedelta(hours=6)), "a multiple of 1d"),
        (Window(DAY.start + timedelta(hours=6), DAY.end + timedelta(hours=6)), "at midnight, UTC"),
    ],
)
def test_a_window_that_has_no_costs_of_its_own_is_refused_before_any_call(
    aws: LocalAws, window: Window, said: str
) -> None:
    assert said in collect(shared_with_costs(aws), TARGET, window).report.error
    assert aws.calls() == {}


def test_a_day_beyond_what_cost_explorer_keeps_fails_in_its_words(aws: LocalAws) -> None:
    aws.costs.history_months = 14
    collected = collect(
        shared_with_costs(aws), TARGET, Window(datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 2, tzinfo=UTC))
    )
    assert collected.report.outcome is Outcome.FAILED
    assert "historical data beyond 14 months" in collected.report.error
    assert _paid(collected) == 0
