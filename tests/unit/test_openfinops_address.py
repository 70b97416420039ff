"""Where OpenFinOps is: every form of the address that a person may write."""

import pytest

from agents.destinations.openfinops.address import base_address
from telemetry.errors import ConfigError


@pytest.mark.parametrize(
    ("endpoint", "base"),
    [
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://localhost:8080/", "http://localhost:8080"),
        ("http://localhost:8080/api/v1/metrics", "http://localhost:8080"),
        ("http://127.0.0.1:8080/api/v1/telemetry/ingest/", "http://127.0.0.1:8080"),
        ("http://[::1]:8080/api/v1/agents/register", "http://[::1]:8080"),
        ("https://finops.example.com/api/v1", "https://finops.example.com"),
        ("https://example.com/finops/api/v1/telemetry/ingest", "https://example.com/finops"),
        ("  https://example.com/finops/ ", "https://example.com/finops"),
        ("https://example.com/api/v2/metrics", "https://example.com/api/v2/metrics"),
    ],
)
def test_every_form_leads_to_the_base(endpoint: str, base: str) -> None:
    assert base_address(endpoint) == base


@pytest.mark.parametrize(
    ("endpoint", "says"),
    [
        ("localhost:8080", "write https://host"),
        ("ftp://localhost", "write https://host"),
        ("https://", "write https://host"),
        ("https://host:port/", "write https://host"),
        ("https://ho st/", "write https://host"),
        ("https://a\x00b/", "is no web address"),
        ("https://" + "a" * 64 + "/", "is no web address"),
        ("http://finops.example.com", "plain http to finops.example.com"),
        ("http://127.0.0.1.example.com", "plain http to"),
    ],
)
def test_what_cannot_be_right_is_named(endpoint: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        base_address(endpoint)


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://user:canary-secret@example.com",
        "https://canary-secret@example.com",
        "http://user:canary/secret@localhost",
        "https://example.com/api?key=canary-secret",
        "https://example.com/#canary-secret",
    ],
)
def test_a_secret_in_the_address_is_refused_and_not_repeated(endpoint: str) -> None:
    with pytest.raises(ConfigError) as refused:
        base_address(endpoint)
    assert "canary" not in str(refused.value)
    assert "api_key" in str(refused.value)


def test_plaintext_to_another_machine_only_when_allowed() -> None:
    assert base_address("http://finops.example.com/", allow_plaintext=True) == "http://finops.example.com"
