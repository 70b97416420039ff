"""What the columns of AWS's bills become: the sum of the lines is the bill, whatever is in it, to the last digit."""

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, localcontext

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.aws.bills.columns import canonical
from agents.aws.bills.layouts import layout_of
from agents.aws.bills.lines import finished
from agents.core.bills.folding import fold
from agents.core.bills.tables import table_of_rows
from agents.core.context import Context, Shared
from agents.core.meter import Meter
from telemetry.costs import CostLine
from telemetry.settings import Settings
from telemetry.settings.providers import Account
from telemetry.target import Window

NOVEMBER = Window(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))
_PLAN, _RESERVATION = "arn:aws:savingsplans::1:savingsplan/p", "arn:aws:ec2:us-east-1:1:reserved-instances/r"
_COMMON = {
    "line_item_usage_start_date": "2026-11-02T05:00:00Z",
    "line_item_usage_end_date": "2026-11-02T06:00:00Z",
    "line_item_currency_code": "USD",
}


def _context() -> Context:
    account = Account(name="default", regions=(), services=(), queue="q")
    return Context(Shared(Settings.model_validate({"aws": {}})), account, Meter({}), time.monotonic() + 60)


def _lines(*rows: Mapping[str, str], common: Mapping[str, str] = _COMMON) -> list[CostLine]:
    whole = [{**common, **row} for row in rows]
    names = list(dict.fromkeys(name for row in whole for name in row))
    table = table_of_rows("a.csv", names, lambda: [[row.get(name) for name in names] for row in whole])
    return [finished(one) for one in fold([table], layout_of, NOVEMBER, "daily", _context())]


def _row(kind: str, cost: str, **columns: str) -> dict[str, str]:
    return {"line_item_line_item_type": kind, "line_item_unblended_cost": cost, **columns}


def _sum(lines: Sequence[CostLine]) -> Decimal:
    with localcontext(prec=200):
        return sum((one.billed_cost or Decimal(0) for one in lines if not one.breakdown), Decimal(0))


@pytest.mark.parametrize(
    ("row", "effective", "category", "status"),
    [
        (_row("Usage", "1.5"), "1.5", "Usage", ""),
        (_row("Tax", "0.3"), "0.3", "Tax", ""),
        (_row("Credit", "-2"), "-2", "Credit", ""),
        (_row("Refund", "-1"), "-1", "Adjustment", ""),
        (_row("BundledDiscount", "-0.1"), "-0.1", "Usage", ""),
        (_row("EdpDiscount", "-0.2"), "-0.2", "", ""),
        (_row("PrivateRateDiscount", "-0.2"), "-0.2", "", ""),
        (_row("Fee", "100"), "100", "Purchase", ""),
        (_row("Fee", "100", reservation_reservation_a_r_n=_RESERVATION), "0", "Purchase", ""),
        (
            _row("DiscountedUsage", "0", reservation_effective_cost="0.06", reservation_reservation_a_r_n=_RESERVATION),
            "0.06", "Usage", "Used",
        ),
        (_row("DiscountedUsage", "0"), None, "Usage", "Used"),
        (
            _row("RIFee", "44", reservation_unused_amortized_upfront_fee_for_billing_period="0.000000000000000001",
                 reservation_unused_recurring_fee="3"),
            "3.000000000000000001", "Purchase", "",
        ),
        (_row("RIFee", "44", reservation_unused_recurring_fee="3"), None, "Purchase", ""),
        (
            _row("SavingsPlanCoveredUsage", "0.1", savings_plan_savings_plan_effective_cost="0.07",
                 savings_plan_savings_plan_a_r_n=_PLAN),
            "0.07", "Usage", "Used",
        ),
        (_row("SavingsPlanNegation", "-0.1", savings_plan_savings_plan_a_r_n=_PLAN), "0", "Usage", ""),
        (_row("SavingsPlanUpfrontFee", "500"), "0", "Purchase", ""),
        (
            _row("SavingsPlanRecurringFee", "1", savings_plan_total_commitment_to_date="1",
                 savings_plan_used_commitment="0.93"),
            "0.07", "Purchase", "",
        ),
        (_row("SavingsPlanRecurringFee", "1", savings_plan_total_commitment_to_date="1"), None, "Purchase", ""),
        (_row("SomethingNew", "3"), "3", "", ""),
    ],
)  # fmt: skip
def test_each_kind_of_line_has_its_amortized_cost_and_its_category(
    row: dict[str, str], effective: str | None, category: str, status: str
) -> None:
    (one,) = _lines(row)
    assert one.billed_cost == Decimal(row["line_item_unblended_cost"])
    assert one.effective_cost == (None if effective is None else Decimal(effective))
    assert (one.charge_category, one.commitment_discount_status) == (category, status)
    assert one.charge_type == row["line_item_line_item_type"]


def test_a_commitment_is_the_same_money_amortized_as_billed_over_all_of_its_lines() -> None:
    found = _lines(
        _row("SavingsPlanCoveredUsage", "0.10", savings_plan_savings_plan_effective_cost="0.07"),
        _row("SavingsPlanNegation", "-0.10"),
        _row("SavingsPlanRecurringFee", "0.09", savings_plan_total_commitment_to_date="0.09",
             savings_plan_used_commitment="0.07"),
        _row("Fee", "8.76", reservation_reservation_a_r_n=_RESERVATION),
        _row("DiscountedUsage", "0", reservation_effective_cost="8"),
        _row("RIFee", "0", reservation_unused_amortized_upfront_fee_for_billing_period="0.5",
             reservation_unused_recurring_fee="0.26"),
    )  # fmt: skip
    assert _sum(found) == Decimal("8.85") == sum(one.effective_cost or 0 for one in found)
    commitments = {one.commitment_discount_type for one in found if one.commitment_discount_id}
    assert commitments == {"Reserved Instance"}


def test_net_costs_are_told_apart_where_there_is_a_discount() -> None:
    columns = {"line_item_net_unblended_cost": "0.9", "discount": '{"total_discount": "-0.1"}'}
    (one,) = _lines(_row("Usage", "1", **columns))
    assert one.amounts == {
        "NetUnblendedCost": Decimal("0.9"), "NetAmortizedCost": Decimal("0.9"), "TotalDiscount": Decimal("-0.1"),
    }  # fmt: skip
    (fee,) = _lines(
        _row("RIFee", "1", line_item_net_unblended_cost="0.9", reservation_net_unused_recurring_fee="0.2",
             reservation_net_unused_amortized_upfront_fee_for_billing_period="0.1")
    )  # fmt: skip
    assert fee.amounts == {"NetUnblendedCost": Decimal("0.9"), "NetAmortizedCost": Decimal("0.3")}
    (plan,) = _lines(_row("SavingsPlanRecurringFee", "1", line_item_net_unblended_cost="0.9"))
    assert plan.amounts == {"NetUnblendedCost": Decimal("0.9")}


class TestSplitCosts:
    """An instance is billed; what runs on it has shares, which are the same money another time."""

    INSTANCE = _row("Usage", "0.4", line_item_resource_id="i-1", pricing_public_on_demand_cost="0.4")
    PODS = tuple(
        _row(
            "Usage",
            cost,
            line_item_resource_id=f"arn:aws:eks:us-east-1:1:pod/{name}",
            split_line_item_parent_resource_id="i-1",
            split_line_item_split_cost=split,
            split_line_item_unused_cost=unused,
            split_line_item_public_on_demand_split_cost="0.1",
            split_line_item_public_on_demand_unused_cost="0.05",
            split_line_item_split_usage="0.5",
        )
        for name, cost, split, unused in (("a", "0", "0.1", "0.05"), ("b", "", "0.2", "0.05"), ("c", "0.0", "0", "0"))
    )

    def test_the_bill_counts_the_instance_and_the_pods_are_a_breakdown(self) -> None:
        found = _lines(self.INSTANCE, *self.PODS)
        whole = [one for one in found if not one.breakdown]
        assert [(one.resource_id, one.billed_cost, one.effective_cost) for one in whole] == [
            ("i-1", Decimal("0.4"), Decimal("0.4"))
        ]
        pods = {one.resource_id.rpartition("/")[2]: one for one in found if one.breakdown == "split"}
        assert {name: one.effective_cost for name, one in pods.items()} == {
            "a": Decimal("0.15"), "b": Decimal("0.25"), "c": 0,
        }  # fmt: skip
        assert sum(one.effective_cost or 0 for one in pods.values()) == whole[0].billed_cost
        assert pods["b"].amounts == {"SplitCost": Decimal("0.2"), "UnusedCost": Decimal("0.05")}
        assert pods["b"].list_cost == Decimal("0.15")
        assert pods["b"].billed_cost is None
        assert {one.details["ParentResourceId"] for one in pods.values()} == {"i-1"}
        assert pods["a"].quantity == Decimal("0.5")

    def test_a_share_that_is_billed_itself_is_a_line_of_the_bill(self) -> None:
        """As a task of Fargate is, which has no instance under it."""
        task = {**self.PODS[0], "line_item_unblended_cost": "0.7", "split_line_item_parent_resource_id": ""}
        odd = {**self.PODS[1], "line_item_unblended_cost": "0.01"}
        found = _lines(self.INSTANCE, task, odd)
        assert _sum(found) == Decimal("1.11")
        assert not [one for one in found if one.breakdown]

    def test_half_a_share_is_no_cost(self) -> None:
        (one,) = _lines({**self.PODS[0], "split_line_item_unused_cost": ""})
        assert (one.effective_cost, one.amounts) == (None, {"SplitCost": Decimal("0.1")})


_KINDS = ("Usage", "Tax", "Credit", "Fee", "RIFee", "DiscountedUsage", "SavingsPlanNegation", "New", "EdpDiscount")
_AMOUNTS = st.decimals(min_value=-(10**9), max_value=10**9, allow_nan=False, allow_infinity=False, places=None)
_OPTIONAL = (
    "line_item_resource_id",
    "line_item_net_unblended_cost",
    "reservation_effective_cost",
    "split_line_item_parent_resource_id",
    "split_line_item_split_cost",
    "resource_tags",
    "pricing_term",
)


@st.composite
def _bills(draw: st.DrawFn) -> list[dict[str, str]]:
    optional = draw(st.sets(st.sampled_from(_OPTIONAL)))
    rows = []
    for _ in range(draw(st.integers(1, 12))):
        row = _row(draw(st.sampled_from(_KINDS)), str(draw(_AMOUNTS)))
        for name in optional:
            value = str(draw(_AMOUNTS)) if name.endswith("cost") else draw(st.sampled_from(["", "a", '{"user_a":"b"}']))
            row[name] = value
        rows.append(row)
    return rows


@settings(max_examples=10)
@given(_bills())
def test_the_lines_add_up_to_the_bill_whatever_the_columns(rows: list[dict[str, str]]) -> None:
    found = _lines(*rows)
    with localcontext(prec=200):
        billed = sum((Decimal(row["line_item_unblended_cost"]) for row in rows), Decimal(0))
    assert _sum(found) == billed
    assert sum(one.lines for one in found) == len(rows)


@pytest.mark.parametrize(
    ("name", "own"),
    [
        ("lineItem/UsageStartDate", "line_item_usage_start_date"),
        ("lineItem/NetUnblendedCost", "line_item_net_unblended_cost"),
        ("reservation/ReservationARN", "reservation_reservation_a_r_n"),
        ("savingsPlan/SavingsPlanARN", "savings_plan_savings_plan_a_r_n"),
        ("savingsPlan/SavingsPlanEffectiveCost", "savings_plan_savings_plan_effective_cost"),
        ("reservation/UnusedAmortizedUpfrontFeeForBillingPeriod",
         "reservation_unused_amortized_upfront_fee_for_billing_period"),
        ("pricing/publicOnDemandCost", "pricing_public_on_demand_cost"),
        ("product/ProductName", "product_product_name"),
        ("splitLineItem/ParentResourceId", "split_line_item_parent_resource_id"),
        ("bill/InvoiceId", "bill_invoice_id"),
        ("line_item_unblended_cost", "line_item_unblended_cost"),
        ("LineItem_UnblendedCost", "line_item_unblended_cost"),
    ],
)  # fmt: skip
def test_a_column_has_one_name_however_it_is_spelled(name: str, own: str) -> None:
    assert canonical(name) == own


def test_a_report_of_the_older_kind_is_the_same_bill() -> None:
    common = {
        "lineItem/UsageStartDate": "2026-11-02T05:00:00Z",
        "lineItem/UsageEndDate": "2026-11-02T06:00:00Z",
        "lineItem/CurrencyCode": "USD",
        "lineItem/LineItemType": "SavingsPlanCoveredUsage",
        "lineItem/UnblendedCost": "0.1",
        "lineItem/UsageAmount": "1",
        "lineItem/ResourceId": "i-1",
        "lineItem/UsageAccountId": "210987654321",
        "lineItem/AvailabilityZone": "us-east-1a",
        "savingsPlan/SavingsPlanEffectiveCost": "0.07",
        "savingsPlan/SavingsPlanARN": _PLAN,
        "product/ProductName": "Amazon Elastic Compute Cloud",
        "product/region": "us-east-1",
        "product/sku": "SKU",
        "pricing/RateCode": "SKU.T.R",
        "pricing/unit": "Hrs",
        "pricing/publicOnDemandCost": "0.12",
        "bill/InvoiceId": "",
        "resourceTags/user:Team": "web",
        "resourceTags/aws:createdBy": "x",
        "resourceTags/user:empty": "",
        "costCategory/Unit": "shop",
    }
    (one,) = _lines(common, common={})
    assert (one.billed_cost, one.effective_cost, one.list_cost) == (Decimal("0.1"), Decimal("0.07"), Decimal("0.12"))
    assert one.tags == {"Team": "web", "aws:createdBy": "x"}
    assert one.details == {"CostCategory.Unit": "shop"}
    assert (one.service_name, one.region_id, one.availability_zone) == (
        "Amazon Elastic Compute Cloud", "us-east-1", "us-east-1a",
    )  # fmt: skip
    assert (one.sku_id, one.sku_price_id, one.unit, one.quantity) == ("SKU", "SKU.T.R", "Hrs", Decimal(1))
    assert (one.commitment_discount_id, one.commitment_discount_type, one.pricing_category) == (
        _PLAN, "Savings Plan", "Committed",
    )  # fmt: skip
    assert one.estimated is True


def test_a_key_of_a_tag_that_another_one_has_stays_as_it_is() -> None:
    (one,) = _lines(_row("Usage", "1", resource_tags='{"user_team":"a","team":"b"}'))
    assert one.tags == {"user_team": "a", "team": "b"}


def test_a_map_that_is_none_harms_nothing() -> None:
    (one,) = _lines(
        _row("Usage", "1", product="{broken", discount="7", resource_tags="x", line_item_product_code="EC2")
    )
    assert (one.service_name, one.tags, one.details["Tags"]) == ("EC2", {}, "x")


def test_focus_is_read_as_anywhere() -> None:
    common = {
        "BilledCost": "1",
        "EffectiveCost": "0.5",
        "BillingCurrency": "USD",
        "ChargePeriodStart": "2026-11-02T05:00:00Z",
        "ChargePeriodEnd": "2026-11-02T06:00:00Z",
        "ChargeCategory": "Usage",
        "ResourceId": "i-1",
        "Tags": '{"user_team":"web"}',
        "x_ServiceCode": "AmazonEC2",
    }
    (one,) = _lines(common, common={})
    assert (one.billed_cost, one.effective_cost, one.resource_id) == (Decimal(1), Decimal("0.5"), "i-1")
    assert (one.tags, one.details) == ({"user_team": "web"}, {"x_ServiceCode": "AmazonEC2"})


def test_discounts_of_focus_are_summed_and_keep_no_hours_apart() -> None:
    common = {
        "BillingCurrency": "USD",
        "ChargePeriodStart": "2026-11-02T05:00:00Z",
        "ChargePeriodEnd": "2026-11-02T06:00:00Z",
        "ResourceId": "i-1",
    }
    rows = ({"BilledCost": "1", "x_Discounts": f'{{"total_discount":"-0.{n}"}}', **common} for n in (1, 2))
    (one,) = _lines(*rows, common={})
    assert (one.billed_cost, one.lines) == (Decimal(2), 2)
    assert (one.amounts, one.details) == ({"TotalDiscount": Decimal("-0.3")}, {})
