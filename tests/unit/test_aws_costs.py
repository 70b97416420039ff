"""Record types in FOCUS's words, sums that must agree, and where Cost Explorer is."""

from decimal import Decimal
from types import MappingProxyType

import boto3
import pytest

from agents.aws.cost.costs import Group, Key
from agents.aws.cost.totals import Totals
from agents.aws.cost.types import category_of
from agents.aws.cost.view import cost_views
from agents.aws.regions import cost_calls
from agents.core.context import Context, Shared
from agents.core.meter import Meter
from telemetry.errors import CollectionFailed
from telemetry.settings import Settings


def _group(amount: str, *keys: str, currency: str = "USD", day: str = "2026-11-22", **more: str) -> Group:
    amounts = {name: Decimal(text) for name, text in {"UnblendedCost": amount, **more}.items()}
    return Group(day, "2026-11-23", estimated=False, keys=keys, currency=currency, amounts=MappingProxyType(amounts))


@pytest.mark.parametrize(
    ("record_type", "category"),
    [
        ("Usage", "Usage"),
        ("DiscountedUsage", "Usage"),
        ("SavingsPlanCoveredUsage", "Usage"),
        ("Savings Plan Covered Usage", "Usage"),
        ("SavingsPlanNegation", "Usage"),
        ("RIFee", "Purchase"),
        ("SavingsPlanUpfrontFee", "Purchase"),
        ("SavingsPlanRecurringFee", "Purchase"),
        ("Tax", "Tax"),
        ("Credit", "Credit"),
        ("Refund", "Adjustment"),
        ("Enterprise Discount Program Discount", ""),
        ("Something new", ""),
        ("", ""),
    ],
)
def test_a_record_type_has_the_category_of_focus_or_none(record_type: str, category: str) -> None:
    assert category_of(record_type) == category


def test_a_tag_may_hold_what_parts_its_key_from_its_value() -> None:
    assert Key("team", tag=True).value("team$a$b") == "a$b"
    assert Key("cost$center", tag=True).value("cost$center$7") == "7"
    assert Key("team", tag=True).value("team$") == ""
    assert Key("SERVICE").value("SERVICE$x") == "SERVICE$x"


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        (_group("1"), _group("1.0000000003")),
        (_group("1"), _group("1", currency="EUR")),
        (_group("1"), _group("1", day="2026-11-21")),
        (_group("1", AmortizedCost="2"), _group("1", AmortizedCost="3")),
    ],
)
def test_sums_that_differ_by_more_than_rounding_contradict(mine: Group, theirs: Group) -> None:
    one, other = Totals("region"), Totals("service")
    one.add(mine, "Usage")
    one.check(one)
    other.add(theirs, "Usage")
    with pytest.raises(CollectionFailed, match=r"of Usage on 2026-11-2\d is .* by region, and .* by service"):
        one.check(other)


def test_sums_of_two_record_types_are_those_of_all() -> None:
    one, other = Totals("region"), Totals("tag")
    one.add(_group("1"), "Usage")
    one.add(_group("0.5"), "Tax")
    other.add(_group("1.5"))
    one.over_all_types().check(other)
    with pytest.raises(CollectionFailed, match="all charges"):
        other.check(Totals("nothing"))


def test_a_period_of_two_currencies_has_no_total() -> None:
    groups = [_group("1.25", "EC2"), _group("7", "Support", currency="EUR"), _group("2", "S3", day="2026-11-21")]
    views = cost_views(groups)
    assert list(views) == ["2026-11-21", "2026-11-22"]
    assert (views["2026-11-21"]["total"], views["2026-11-21"]["currency"]) == (2.0, "USD")
    mixed = views["2026-11-22"]
    assert f"{mixed['total']:.2f} {mixed['amortized']}" == "nan nan"
    assert (mixed["currency"], mixed["by_service"]) == (None, {})
    assert mixed["by_currency"] == {
        "EUR": {"total": 7.0, "by_service": {"Support": 7.0}},
        "USD": {"total": 1.25, "by_service": {"EC2": 1.25}},
    }


def test_an_amount_that_one_part_does_not_tell_is_unknown() -> None:
    (view,) = cost_views([_group("1", "EC2", AmortizedCost="1"), _group("2", "S3")]).values()
    assert (view["total"], view["unblended"]) == (3.0, 3.0)
    assert f"{view['amortized']} {view['net']}" == "nan nan"


def test_the_sum_is_exact_before_it_is_a_float() -> None:
    (view,) = cost_views(_group("0.1", f"s{number}") for number in range(10)).values()
    assert view["total"] == 1.0


@pytest.mark.parametrize(
    ("region", "address"),
    [
        ("eu-west-1", "https://ce.us-east-1.amazonaws.com"),
        ("cn-north-1", "https://ce.cn-northwest-1.amazonaws.com.cn"),
        ("us-gov-west-1", "https://ce.us-gov-west-1.amazonaws.com"),
        ("eusc-de-east-1", "https://ce.eusc-de-east-1.amazonaws.eu"),
    ],
)
def test_cost_explorer_is_asked_where_botocore_has_it(region: str, address: str) -> None:
    keys = {"access_key_id": "AKIA", "secret_access_key": "not-a-secret"}
    settings = Settings.model_validate({"aws": {"region": region, **keys}})
    assert settings.aws is not None
    (account,) = settings.aws.accounts_of("aws")
    asked = cost_calls(Context(Shared(settings), account, Meter(), 0.0)).region
    client = boto3.client("ce", region_name=asked, aws_access_key_id="AKIA", aws_secret_access_key="not-a-secret")
    assert client.meta.endpoint_url == address
    assert asked in address
