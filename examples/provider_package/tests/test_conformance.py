"""The provider and its services, held to what finfleet's own are."""

from agents.testing.providers import ProviderConformance
from agents.testing.services import ServiceConformance


class TestProvider(ProviderConformance):
    """The provider."""

    provider = "opencost"


class TestServices(ServiceConformance):
    """Its services."""

    provider = "opencost"
    names = ("assets", "controllers", "namespaces", "pods")
