"""FOCUS, from 1.0 to 1.4, in whatever case and with whatever further columns, becomes lines that lose nothing."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from agents.core.bills.focus import focus_layout, in_period, of_providers
from agents.core.bills.layouts import Columns, Layout
from agents.core.bills.tags import parse_tags
from agents.core.provider import providers
from telemetry.cost_checks import are_fine
from telemetry.costs import BILLED_PROVIDER, TEXTS
from telemetry.errors import CollectionFailed
from tests.support.bills import BASE, MAY, focus, read, text_of

_FULL = {
    **BASE,
    "EffectiveCost": "0.5", "ListCost": "2", "ContractedCost": "1.5", "ConsumedQuantity": "24", "ConsumedUnit": "Hours",
    "PricingQuantity": "0.24", "PricingUnit": "100 Hours", "ChargeCategory": "usage", "ChargeClass": "Correction",
    "ChargeDescription": "d", "ServiceName": "s", "ServiceCategory": "Compute", "SubAccountId": "1",
    "SubAccountName": "one", "RegionId": "us-east-1", "AvailabilityZone": "us-east-1a", "ResourceId": "i-1",
    "SkuId": "k", "SkuPriceId": "p", "InvoiceId": "n", "PricingCategory": "Standard", "CommitmentDiscountId": "c",
    "CommitmentDiscountStatus": "Used", "CommitmentDiscountType": "Reserved", "Tags": '{"team":"a"}',
    "BillingAccountId": "9", "ServiceProviderName": "AWS", "HostProviderName": "AWS", "InvoiceIssuerName": "AWS",
    "ListUnitPrice": "8", "PricingCurrencyEffectiveCost": "0.4", "x_CostInUsd": "1.1", "x_Operation": "Run",
    "x_BillingExchangeRate": "0.9", "SkuPriceDetails": '{"x":1}', "ContractApplied": "NULL", "OneOfOurOwn": "z",
}  # fmt: skip


def test_every_column_has_its_place(tmp_path: Path) -> None:
    (line,) = read(tmp_path, {"a.csv": text_of([_FULL])}).lines
    assert are_fine([line], MAY)
    assert (line.billed_cost, line.effective_cost, line.list_cost, line.contracted_cost) == (
        Decimal(1), Decimal("0.5"), Decimal(2), Decimal("1.5"),
    )  # fmt: skip
    assert (line.quantity, line.unit, line.pricing_quantity, line.pricing_unit) == (
        Decimal(24),
        "Hours",
        Decimal("0.24"),
        "100 Hours",
    )
    assert (line.charge_category, line.charge_class, line.tags) == ("Usage", "Correction", {"team": "a"})
    told = {name for name in TEXTS if getattr(line, name)} - {"breakdown"}
    assert told == set(TEXTS) - {"breakdown", "charge_type"}
    assert line.amounts == {"PricingCurrencyEffectiveCost": Decimal("0.4"), "x_CostInUsd": Decimal("1.1")}
    assert line.details == {
        "BillingAccountId": "9", "ServiceProviderName": "AWS", "HostProviderName": "AWS", "InvoiceIssuerName": "AWS",
        "ListUnitPrice": "8", "x_Operation": "Run", "x_BillingExchangeRate": "0.9", "SkuPriceDetails": '{"x":1}',
        "OneOfOurOwn": "z",
    }  # fmt: skip


def test_old_names_and_another_case(tmp_path: Path) -> None:
    old = {
        "billingcurrency": "USD", "BILLEDCOST": "1", "chargeperiodstart": "2026-05-03", "chargeperiodend": "2026-05-04",
        "Region": "eu", "Provider": "OCI", "Publisher": "Oracle", "InvoiceIssuer": "O", "UsageQuantity": "3",
        "UsageUnit": "GB", "AmortizedCost": "0.5",
    }  # fmt: skip
    (line,) = read(tmp_path, {"a.csv": text_of([old])}).lines
    assert (line.region_id, line.quantity, line.unit, line.effective_cost) == ("eu", Decimal(3), "GB", Decimal("0.5"))
    assert line.details == {"ServiceProviderName": "OCI", "HostProviderName": "Oracle", "InvoiceIssuerName": "O"}


def test_versions_side_by_side_in_one_delivery(tmp_path: Path) -> None:
    files = {"old.csv": focus({"ProviderName": "AWS"}), "new.csv": focus({"ServiceProviderName": "AWS"})}
    (line,) = read(tmp_path, files).lines
    assert (line.lines, line.details) == (2, {"ServiceProviderName": "AWS"})


@pytest.mark.parametrize(
    ("told", "provider"),
    [
        ("AWS", "aws"),
        ("amazon web services", "aws"),
        ("Microsoft", "azure"),
        ("Google Cloud ", "gcp"),
        ("OCI", None),
        ("", None),
    ],
)
def test_it_is_told_which_provider_of_ours_a_charge_is_of(tmp_path: Path, told: str, provider: str | None) -> None:
    files = {"a.csv": focus({"ServiceProviderName": told})}
    (line,) = read(tmp_path, files, layout=lambda columns: of_providers(focus_layout(columns))).lines
    assert line.details.get(BILLED_PROVIDER) == provider
    assert read(tmp_path, files).lines[0].details.keys() == line.details.keys() - {BILLED_PROVIDER}


def test_no_two_providers_are_called_the_same() -> None:
    names = [name.lower() for one in providers().values() for name in one.bills_as]
    assert len(names) == len(set(names))


def test_what_is_another_in_each_row_keeps_nothing_from_being_folded(tmp_path: Path) -> None:
    rows = [{"x_LineItemId": str(number), "x_ExportTime": f"2026-05-0{number}"} for number in range(1, 6)]
    assert [line.lines for line in read(tmp_path, {"a.csv": focus(*rows)}).lines] == [5]


def test_the_same_resource_in_two_cases_is_one_at_azure_alone(tmp_path: Path) -> None:
    ids = ("/subscriptions/A/x", "/Subscriptions/a/X", "arn:A", "arn:a")
    found = read(tmp_path, {"a.csv": focus(*({"ResourceId": one} for one in ids))}).lines
    assert {line.resource_id: line.lines for line in found} == {"/subscriptions/a/x": 2, "arn:A": 1, "arn:a": 1}


def test_a_category_that_focus_has_not_is_kept(tmp_path: Path) -> None:
    (line,) = read(tmp_path, {"a.csv": focus({"ChargeCategory": "Rounding"})}).lines
    assert (line.charge_category, line.details) == ("", {"ChargeCategory": "Rounding"})


def test_what_is_not_focus_is_said() -> None:
    with pytest.raises(CollectionFailed, match=r"no column BillingCurrency, ChargePeriodStart.*it has BilledCost, a"):
        focus_layout(Columns(["BilledCost", "a"]))


def test_one_file_of_several_billing_periods(tmp_path: Path) -> None:
    def layout(columns: Columns) -> Layout:
        return in_period(focus_layout(columns), columns, MAY)

    rows = [
        {"BillingPeriodStart": "2026-05-01T00:00:00Z"},
        {"BillingPeriodStart": "2026-05-01", "ChargePeriodStart": "2026-03-01", "ChargePeriodEnd": "2026-03-02"},
        {"BillingPeriodStart": "2026-06-01T00:00:00Z"},
        {"BillingPeriodStart": ""},
        {"BillingPeriodStart": "", "ChargePeriodStart": "2026-06-01T00:00:00Z", "ChargePeriodEnd": ""},
    ]
    found = read(tmp_path, {"a.csv": focus(*rows)}, layout=layout)
    assert sorted((line.start, line.lines) for line in found.lines) == [
        (datetime(2026, 3, 1, tzinfo=UTC), 1),
        (datetime(2026, 5, 3, tzinfo=UTC), 2),
    ]


@pytest.mark.parametrize(
    ("text", "tags", "rest"),
    [
        ('{"a":"b","n":1,"none":null,"deep":{"x":[1]}}', {"a": "b", "n": "1", "deep": '{"x":[1]}'}, ""),
        ('"a": "b","c": "d"', {"a": "b", "c": "d"}, ""),
        ('[{"key":"a","value":"b"}]', {"a": "b"}, ""),
        ("null", {}, ""),
        ("[]", {}, ""),
        ("team=a", {}, "team=a"),
        ('["a"]', {}, '["a"]'),
    ],
)
def test_tags_in_each_form(text: str, tags: dict[str, str], rest: str) -> None:
    assert parse_tags(text) == (tags, rest)


def test_an_account_of_azure_has_one_id_however_it_is_written(tmp_path: Path) -> None:
    ids = ("/subscriptions/ABC", "/subscriptions/abc/", "123456789012", "projects/Abc")
    found = read(tmp_path, {"a.csv": focus(*({"SubAccountId": one} for one in ids))}).lines
    assert {line.sub_account_id: line.lines for line in found} == {"abc": 2, "123456789012": 1, "projects/Abc": 1}


def _of_may(columns: Columns) -> Layout:
    return in_period(focus_layout(columns), columns, MAY)


@pytest.mark.parametrize(
    "month", ["2026-0{}-01", "0{}/01/2026", "20260{}01", "2026-0{}-01 00:00:00 UTC", "20260{}01T000000.000Z"]
)
def test_a_billing_period_is_known_in_every_form_that_a_time_has(tmp_path: Path, month: str) -> None:
    rows = [{"BillingPeriodStart": month.format(number), "BilledCost": str(number)} for number in (4, 5, 6)]
    (line,) = read(tmp_path, {"a.csv": focus(*rows)}, layout=_of_may).lines
    assert line.billed_cost == Decimal(5)


@pytest.mark.parametrize("text", ["May 2026", "infinity", "290000-01-01", "BillingPeriodStart", "1999-12-31"])
def test_a_billing_period_that_is_no_time_is_of_no_month(tmp_path: Path, text: str) -> None:
    with pytest.raises(CollectionFailed, match=r"BillingPeriodStart.*is no time"):
        read(tmp_path, {"a.csv": focus({"BillingPeriodStart": text})}, layout=_of_may)


@pytest.mark.parametrize("text", ["infinity", "-infinity", "epoch", "0001-01-01", "290000-01-01", "0044-03-15 (BC)"])
@pytest.mark.parametrize("name", ["ChargePeriodStart", "ChargePeriodEnd"])
def test_a_time_that_no_bill_has_is_none(tmp_path: Path, name: str, text: str) -> None:
    with pytest.raises(CollectionFailed, match="is no time"):
        read(tmp_path, {"a.csv": focus({name: text})})
