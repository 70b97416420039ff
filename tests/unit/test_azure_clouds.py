"""Where the APIs of Azure's clouds answer."""

import pytest

from agents.azure.clouds import CLOUDS, address_of, scope_for
from agents.azure.credentials import Identity
from agents.azure.settings import ENDPOINTS, AzureSettings
from telemetry.errors import CollectionFailed
from telemetry.settings import Settings


def _section(**given: object) -> AzureSettings:
    section = Settings.model_validate({"azure": given}).section(AzureSettings)
    assert section is not None
    return section


@pytest.mark.parametrize(
    ("cloud", "authority", "metrics", "scope"),
    [
        (
            "public",
            "https://login.microsoftonline.com",
            "https://eastus.metrics.monitor.azure.com",
            "https://management.azure.com/.default",
        ),
        (
            "china",
            "https://login.chinacloudapi.cn",
            "https://eastus.metrics.monitor.azure.cn",
            "https://management.chinacloudapi.cn/.default",
        ),
        (
            "usgov",
            "https://login.microsoftonline.us",
            "https://eastus.metrics.monitor.azure.us",
            "https://management.usgovcloudapi.net/.default",
        ),
    ],
)
def test_a_cloud_is_known_by_its_name(cloud: str, authority: str, metrics: str, scope: str) -> None:
    section = _section(cloud=cloud)
    assert address_of(section, "authority") == authority
    assert address_of(section, "metrics", "eastus") == metrics
    assert scope_for(section, "resource_manager") == scope
    assert set(CLOUDS[cloud].addresses) == set(ENDPOINTS)


def test_a_configured_address_has_precedence_and_may_serve_every_region() -> None:
    section = _section(endpoints={"metrics": "https://proxy.example/m", "logs": "https://proxy.example/l"})
    assert address_of(section, "metrics", "eastus") == "https://proxy.example/m"
    assert scope_for(section, "logs") == "https://api.loganalytics.io/.default", "the token is meant for the same"


def test_china_has_no_price_list_in_this_api() -> None:
    assert address_of(_section(cloud="china"), "prices") == ""


def test_an_account_takes_what_it_leaves_out_from_the_section() -> None:
    section = _section(
        tenant_id="t",
        client_id="c",
        client_secret="s3cret-of-the-section",
        accounts=[
            {"name": "one", "subscription_id": "s1"},
            {"name": "two", "subscription_id": "s2", "tenant_id": "t2", "client_id": "c2", "client_secret": "other"},
            {"name": "three"},
        ],
    )
    one, two, three = section.accounts_of("azure")
    first, second = (Identity.of(section, account.name, account.options) for account in (one, two))
    assert (first.subscription_id, first.tenant_id, first.client_id) == ("s1", "t", "c")
    assert (second.subscription_id, second.tenant_id, second.client_id) == ("s2", "t2", "c2")
    assert second.client_secret is not None
    assert second.client_secret.get_secret_value() == "other"
    assert "s3cret" not in f"{first!r} {section!r} {one!r}"
    with pytest.raises(CollectionFailed, match="account 'three' has no subscription_id"):
        Identity.of(section, three.name, three.options)


def test_a_section_that_is_not_enabled_may_be_half_filled() -> None:
    assert _section(enabled=False, client_id="(unset)").enabled is False
