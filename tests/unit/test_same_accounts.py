"""One account under two names is found by the provider's own id, where the configuration tells it."""

from typing import Any

import pytest

from tasks.same_accounts import same_accounts
from tasks.targets import plan_targets
from telemetry.settings import Settings

ROLE = "arn:aws:iam::111111111111:role/finfleet"


def _lines(provider: str, **section: Any) -> list[str]:
    settings = Settings.model_validate({provider: section})
    return same_accounts(settings, plan_targets(settings))


@pytest.mark.parametrize(
    ("provider", "first", "second", "own_id"),
    [
        ("aws", {"role_arn": ROLE}, {"role_arn": ROLE.replace("finfleet", "other")}, "111111111111"),
        ("azure", {"subscription_id": "ABC"}, {"subscription_id": "abc"}, "abc"),
        ("gcp", {"project_id": "shop-prod"}, {"project_id": "shop-prod"}, "shop-prod"),
    ],
)
def test_an_account_under_two_names_is_named_for_each_service(
    provider: str, first: dict[str, str], second: dict[str, str], own_id: str
) -> None:
    accounts = [{"name": "a", **first}, {"name": "b", **second}]
    lines = _lines(provider, accounts=accounts)
    assert lines
    assert all(f"the accounts a, b are all {own_id}" in line for line in lines)


def test_what_differs_or_is_not_told_is_not_named() -> None:
    accounts: list[dict[str, Any]] = [{"name": "a"}, {"name": "b"}, {"name": "c", "role_arn": ROLE}]
    assert _lines("aws", accounts=accounts) == []


def test_one_account_that_is_cut_by_regions_is_read_twice_only_where_it_has_none() -> None:
    accounts = [
        {"name": "a", "role_arn": ROLE, "regions": ["eu-west-1"]},
        {"name": "b", "role_arn": ROLE, "regions": ["us-east-1"]},
    ]
    lines = _lines("aws", services=["ec2", "cost"], accounts=accounts)
    assert [line.partition(":")[0] for line in lines] == ["aws/cost"]
