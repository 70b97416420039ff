"""Every provider of this install, ours among them, by the kit that others are held to as well."""

from agents.core.provider import providers
from agents.testing.providers import ProviderConformance


class TestProviders(ProviderConformance):
    """Every provider of this install."""


def test_ours_are_there() -> None:
    assert {"aws", "azure", "gcp", "generic"} <= providers().keys()
