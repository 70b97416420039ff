"""What a configuration says of bills from files, and cannot be."""

from typing import Any

import pytest
from pydantic import ValidationError

from tasks.targets import plan_targets
from tasks.unread_exports import unread_exports
from telemetry.errors import ConfigError
from telemetry.settings import Settings

_CONFIGURED: dict[str, tuple[str, dict[str, Any]]] = {
    "aws": ("bill_files", {"bill_exports": [{"name": "cur", "url": "s3://bucket/prefix/cur"}]}),
    "azure": (
        "bill_files",
        {
            "subscription_id": "11111111-1111-1111-1111-111111111111",
            "bill_exports": [{"name": "cur", "url": "https://account.blob.core.windows.net/exports/costs"}],
        },
    ),
    "gcp": (
        "bill_tables",
        {
            "project_id": "my-project",
            "bill_tables": [{"name": "cur", "table": "p-12345.d.gcp_billing_export_resource_v1_1_2_3"}],
        },
    ),
    "focus": ("files", {"sources": [{"name": "cur", "url": "file:///srv/bills"}]}),
}


def _said(provider: str, **more: Any) -> list[str]:
    return list(unread_exports(Settings.model_validate({provider: {**_CONFIGURED[provider][1], **more}})))


@pytest.mark.parametrize("provider", _CONFIGURED)
def test_what_no_service_reads_is_said_with_what_to_add(provider: str) -> None:
    reader = _CONFIGURED[provider][0]
    assert _said(provider) == []
    assert _said(provider, services=[reader]) == []
    (said,) = _said(provider, services=["cost"])
    assert said.startswith(f"{provider}/default: what cur delivers is not read: its services do not name {reader}")
    assert said.endswith(f"add {reader} to {provider}.services")


@pytest.mark.parametrize("provider", _CONFIGURED)
def test_the_clock_and_the_past_are_refused_of_what_is_delivered(provider: str) -> None:
    reader, section = _CONFIGURED[provider]
    for key, value, remedy in (
        ("intervals", "1h", "leave it out or name"),
        ("backfill", "3d", "reads all that was delivered"),
    ):
        settings = Settings.model_validate({provider: {**section, key: {reader: value}}})
        with pytest.raises(ConfigError, match=remedy) as refused:
            plan_targets(settings)
        assert f"{provider}.{key}.{reader}: " in str(refused.value)


_HUB = {"name": "hub", "url": "s3://bucket/prefix/hub"}


@pytest.mark.parametrize(
    ("section", "says"),
    [
        ({"recommendation_exports": [_HUB, {**_HUB, "name": "other"}]}, "recommendation_exports: the url"),
        ({"recommendation_exports": [{**_HUB, "account": "dev"}]}, "recommendation_exports: hub: account: there is no"),
        ({"recommendation_exports": [{**_HUB, "granularity": "daily"}]}, "granularity"),
        ({"recommendation_exports": [{**_HUB, "region": "mars-1"}]}, "recommendation_exports: hub: region"),
        ({"invoice_accounts": ["payer", "payer"]}, "'payer' is there twice"),
        ({"invoice_accounts": ["pair"]}, "invoice_accounts: there is no account 'pair' in aws.accounts"),
    ],
)
def test_what_aws_cannot_read_is_said(section: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        Settings.model_validate({"aws": {"accounts": [{"name": "payer"}], **section}})


def test_targets_of_aws_are_those_that_are_configured() -> None:
    section = {
        "accounts": [{"name": "payer"}, {"name": "member"}],
        "recommendation_exports": [_HUB, {"name": "own", "url": "s3://bucket/own/hub", "account": "member"}],
        "invoice_accounts": ["member"],
    }
    planned = plan_targets(Settings.model_validate({"aws": section})).values()
    found = {str(plan.target) for one in planned for plan in one.targets}
    assert {one for one in found if "recommendation" in one or "invoice" in one} == {
        "aws/payer/hub/recommendation_deliveries",
        "aws/payer/hub/recommendation_files",
        "aws/member/own/recommendation_deliveries",
        "aws/member/own/recommendation_files",
        "aws/member/global/invoice_deliveries",
        "aws/member/global/invoices",
    }
    assert _said("aws", bill_exports=[], invoice_accounts=["default"], services=["cost"]) == [
        "aws/default: what global delivers is not read: its services do not name invoices: add invoices to aws.services"
    ]


@pytest.mark.parametrize("provider", _CONFIGURED)
def test_who_looks_for_deliveries_looks_once_however_much_of_the_past_is_wanted(provider: str) -> None:
    """Each look tells of all that there is: the past has no other."""
    section = {**_CONFIGURED[provider][1], "backfill": "30d"}
    planned = plan_targets(Settings.model_validate({provider: section}))
    looking = [plan for one in planned.values() for plan in one.targets if one.service.delivers]
    assert looking
    assert {plan.backfill for plan in looking} == {plan.interval for plan in looking}
