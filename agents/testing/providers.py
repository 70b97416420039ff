"""What every provider must have: read from the registry, ours and other distributions' alike."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel, ValidationError

from agents.core.permissions import document, file_name
from agents.core.provider import find_provider, providers
from agents.core.service import Service, services, unusable
from agents.testing.loading import loaded_by, sdks
from telemetry.settings import Settings
from telemetry.settings.fields import Section
from telemetry.settings.providers import ProviderSettings
from telemetry.target import PART

_SECRET = re.compile(r"(^|_)(token|secret|password|passphrase|bearer|private_key|api_key)$")
"""How a field is called that must be a SecretStr."""


class ProviderConformance:
    """The checks, for each provider that is chosen; to be derived from in a test module, as ``class TestMine(...)``."""

    #: This one alone; empty: every provider of this install.
    provider: ClassVar[str] = ""

    @classmethod
    def chosen(cls) -> list[str]:
        """Names of the providers that are held to it; one that is not there is, too, and fails."""
        return [cls.provider] if cls.provider else list(providers())

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Run each check for each of them."""
        if "name" in metafunc.fixturenames:
            metafunc.parametrize("name", self.chosen())

    def test_it_is_there(self, name: str) -> None:
        """Its entry point can be loaded, and bears its name."""
        assert name in providers(), unusable()
        assert find_provider(name).name == name
        assert PART.fullmatch(name)

    def test_it_says_what_it_is(self, name: str) -> None:
        """A title for people; and what to install, where something has to be."""
        provider = find_provider(name)
        assert provider.title.strip()
        assert bool(provider.sdk) == bool(provider.install)
        assert type(provider).__doc__

    def test_its_section_is_a_section(self, name: str) -> None:
        """A key that there is not is a fault, in words; nothing of it can be changed later."""
        section = find_provider(name).settings
        assert issubclass(section, ProviderSettings)
        assert section is not ProviderSettings, "a class of its own, by which its code finds the section"
        with pytest.raises(ValidationError, match="no_such_key"):
            Settings.model_validate({name: {"no_such_key": 1}})
        assert section.model_config.get("frozen")
        assert getattr(Settings.model_validate({}), name) is None, "without its section it is not collected"

    def test_its_section_can_be_switched_off(self, name: str) -> None:
        """A section that is not enabled plans nothing."""
        settings = Settings.model_validate({name: {"enabled": False}})
        assert settings.provider(name) is None

    def test_its_secrets_are_secrets(self, name: str) -> None:
        """What is called a token or a password shows nowhere: not in a repr, not in a message of a fault."""
        for owner, field, annotation in _fields(find_provider(name).settings):
            if _SECRET.search(field):
                assert "SecretStr" in str(annotation), f"{owner}.{field}: make it a SecretStr"

    def test_it_has_services(self, name: str) -> None:
        """One at least, each a module of its package."""
        provider = find_provider(name)
        assert _services(name), unusable()
        assert import_module(provider.services).__path__, "a package, a module each service"

    def test_its_permissions_are_documented(self, name: str) -> None:
        """The document names every permission of its services, and is the same each time."""
        module = find_provider(name).permissions_module()
        if module is None:
            return
        text = document(name)
        assert text == document(name)
        assert text.endswith("\n")
        assert re.fullmatch(r"[a-z0-9_]+\.[a-z]+", file_name(name))
        # What a provider lets everybody do need not be granted: its module of permissions says so.
        everybody: frozenset[str] = getattr(module, "NEEDS_NONE", frozenset())
        for service in _services(name):
            missing = [one for one in service.permissions if one not in everybody and one not in text]
            assert not missing, f"{service.name}: {missing}"

    def test_its_class_loads_no_sdk_and_nothing_of_the_fleet(self, name: str) -> None:
        """It is loaded wherever the configuration is read."""
        assert not loaded_by([type(find_provider(name)).__module__]) & sdks()


def _services(name: str) -> list[Service]:
    return [service for (provider, _), service in services().items() if provider == name]


def _fields(section: type[BaseModel]) -> Iterator[tuple[str, str, Any]]:
    """The fields of a section and of those in it, each with what it may hold."""
    for name, field in section.model_fields.items():
        yield section.__name__, name, field.annotation
        for inner in _models(field.annotation):
            yield from _fields(inner)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        yield annotation
    for part in getattr(annotation, "__args__", ()):
        yield from _models(part)
