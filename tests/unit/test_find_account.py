"""The account that a target names, among the thousands that a worker may be configured with."""

import pytest

from agents.core.collection import find_account
from agents.core.context import Shared
from telemetry.errors import CollectionFailed
from telemetry.settings import Settings
from telemetry.settings.providers import ProviderSettings
from telemetry.target import Target

_ACCOUNTS = [{"name": f"account-{number}", "regions": ["us-east-1"]} for number in range(50)]


def _settings(region: str) -> Settings:
    return Settings.model_validate({"aws": {"regions": [region], "accounts": [*_ACCOUNTS, {"name": "other"}]}})


def test_accounts_are_made_once_a_process_and_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    accounts_of = ProviderSettings.accounts_of

    def counted(section: ProviderSettings, provider: str) -> object:
        asked.append(provider)
        return accounts_of(section, provider)

    monkeypatch.setattr(ProviderSettings, "accounts_of", counted)
    shared = Shared(_settings("us-west-2"))
    for number in range(50):
        assert find_account(shared, Target("aws", f"account-{number}", "us-east-1", "ec2")).name == f"account-{number}"
    assert asked == ["aws"]
    # An agent that has found out more goes on with another configuration, and the same cache.
    later = Shared(_settings("eu-west-1"), cache=shared.cache, lock=shared.lock)
    assert find_account(later, Target("aws", "other", "eu-west-1", "ec2")).regions == ("eu-west-1",)
    assert find_account(shared, Target("aws", "other", "us-west-2", "ec2")).regions == ("us-west-2",)
    with pytest.raises(CollectionFailed, match="has no aws account of that name"):
        find_account(shared, Target("aws", "account-99", "us-east-1", "ec2"))
