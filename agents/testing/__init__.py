"""The conformance kit: what ours are held to, for services, providers and destinations of others.

It needs pytest: ``pip install 'finfleet[testing]'``. Nothing of ours imports it but our own tests. A test module of
yours::

    from agents.testing.destinations import DestinationConformance
    from agents.testing.providers import ProviderConformance
    from agents.testing.services import ServiceConformance

    class TestMyProvider(ProviderConformance):
        provider = "mine"

    class TestMyServices(ServiceConformance):
        provider = "mine"

    class TestMyDestination(DestinationConformance):
        kind = "mine"

:mod:`agents.testing.collecting` runs one collection, and holds what came of it to what the service says.
"""

import pytest

# Before they are imported: an assertion that fails is to say what it saw, in other distributions' tests as in ours.
pytest.register_assert_rewrite(
    "agents.testing.collecting",
    "agents.testing.destinations",
    "agents.testing.loading",
    "agents.testing.providers",
    "agents.testing.services",
)
