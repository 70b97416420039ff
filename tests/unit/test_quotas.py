"""The quotas that a configuration gives, for all clouds alike."""

import pytest

from agents.core.limits import Quota
from agents.core.quotas import configured_quota
from telemetry.errors import CollectionFailed


def test_the_longest_pattern_counts() -> None:
    configured = {"*": 1.0, "logs:*": 7.4, "logs:query": 0.2}
    assert configured_quota("logs:query", configured, "x") == ("logs:query", Quota(0.2, 1))
    assert configured_quota("logs:other", configured, "x") == ("logs:*", Quota(7.4, 7))
    assert configured_quota("other:query", {"logs:*": 1}, "x") is None


@pytest.mark.parametrize("rate", [0, -1, float("nan")])
@pytest.mark.parametrize("provider", ["aws", "azure", "gcp"])
def test_a_rate_that_lets_nothing_through_is_named(provider: str, rate: float) -> None:
    with pytest.raises(CollectionFailed, match=rf"{provider}\.quotas\.logs:\*: "):
        configured_quota("logs:query", {"logs:*": rate}, f"{provider}.quotas")
