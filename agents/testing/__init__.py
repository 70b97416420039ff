"""The conformance kit: what ours are held to, for services and providers of other distributions.

It needs pytest: ``pip install 'finfleet[testing]'``. Nothing of ours imports it but our own tests. A test module of
yours::

    from agents.testing.providers import ProviderConformance
    from agents.testing.services import ServiceConformance

    class TestMyProvider(ProviderConformance):
        provider = "mine"

    class TestMyServices(ServiceConformance):
        provider = "mine"

:mod:`agents.testing.collecting` runs one collection, and holds what came of it to what the service says. What is asked
of destinations is to stand beside these, in a module of its own.
"""

import pytest

# Before they are imported: an assertion that fails is to say what it saw, in other distributions' tests as in ours.
pytest.register_assert_rewrite(
    "agents.testing.collecting", "agents.testing.loading", "agents.testing.providers", "agents.testing.services"
)
