"""What every kind of destination must be: read from the registry, ours and other distributions' alike."""

from __future__ import annotations

import re
from typing import ClassVar, get_args

import pytest

from agents.core.destination import DestinationKind
from agents.testing.loading import loaded_by, sdks
from telemetry.settings.destinations import DestinationSettings, kinds, unusable_destinations
from telemetry.settings.places import is_secret, keys_at

_SECRET = re.compile(r"(^|_)(token|secret|password|passphrase|bearer|key|headers)$")
"""How a key is called whose value must not be shown."""
_ONLY_FORWARDERS = frozenset({"google", "opentelemetry"})


class DestinationConformance:
    """The checks, for each kind that is chosen; to be derived from in a test module, as ``class TestMine(...)``."""

    #: This kind alone; empty: every kind of this install.
    kind: ClassVar[str] = ""

    @classmethod
    def chosen(cls) -> list[str]:
        """Names of the kinds that are held to it; one that is not there is, too, and fails."""
        return [cls.kind] if cls.kind else list(kinds())

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Run each check for each of them."""
        if "name" in metafunc.fixturenames:
            metafunc.parametrize("name", self.chosen())

    def test_a_kind_is_what_the_registry_wants(self, name: str) -> None:
        """A class derived from DestinationKind, with a section of its own that bears its name."""
        assert name in kinds(), unusable_destinations()
        kind = kinds()[name]
        assert isinstance(kind, DestinationKind)
        assert issubclass(kind.settings, DestinationSettings)
        assert get_args(kind.settings.model_fields["kind"].annotation) == (name,)
        assert type(kind).__doc__

    def test_what_is_called_a_secret_is_kept_as_one(self, name: str) -> None:
        """It shows nowhere: not in a repr, not in a message of a fault."""
        for field in kinds()[name].settings.model_fields:
            if _SECRET.search(field):
                place = ("destinations", "x", name, field)
                assert is_secret((*place, "X-Key") if field == "headers" else place), f"{field}: make it a SecretStr"
        assert "kind" in keys_at(("destinations", "x", name))

    def test_who_does_not_forward_loads_nothing_of_it(self, name: str) -> None:
        """Every process reads the registry: what a kind needs to send is imported when it is opened."""
        loaded = loaded_by([type(kinds()[name]).__module__])
        assert not loaded & (_ONLY_FORWARDERS | sdks())
