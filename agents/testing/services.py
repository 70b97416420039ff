"""What every service must have and must not do: read from the registry, so that a new one is held to it at once."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from importlib import import_module
from keyword import iskeyword
from pathlib import Path
from typing import ClassVar

import pytest
from pydantic import ValidationError

from agents.core.estimating import Estimate
from agents.core.owning import overlap
from agents.core.permissions import permission_of
from agents.core.provider import providers
from agents.core.service import Service, services, unusable
from agents.testing.loading import loaded_by, sdks
from telemetry.settings.providers import ProviderSettings
from telemetry.target import PART, Target, Window


class ServiceConformance:
    """The checks, for each service that is chosen; to be derived from in a test module, as ``class TestMine(...)``."""

    #: Its services alone; empty: those of every provider of this install.
    provider: ClassVar[str] = ""
    #: These alone, by name; empty: all.
    names: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def chosen(cls) -> list[Service]:
        """The services that are held to it."""
        return [
            service
            for (provider, name), service in services().items()
            if cls.provider in {"", provider} and (not cls.names or name in cls.names)
        ]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Run each check that takes a service for each of them."""
        if "service" in metafunc.fixturenames:
            chosen = self.chosen()
            metafunc.parametrize("service", chosen, ids=[f"{one.provider}/{one.name}" for one in chosen])

    def test_there_are_such(self) -> None:
        """A name that is misspelled, or a module that cannot be imported, would pass everything."""
        found = {service.name for service in self.chosen()}
        assert found >= set(self.names), unusable()
        assert found, unusable()

    def test_it_is_named_as_a_target_can_be(self, service: Service) -> None:
        """Provider and name are parts of a target."""
        assert service.provider in providers()
        assert PART.fullmatch(service.name)
        assert str(Target.parse(f"{service.provider}/default/somewhere/{service.name}"))

    def test_its_file_bears_its_name(self, service: Service) -> None:
        """A file a service; in the package of its provider, unless another distribution adds it."""
        place = Path(inspect.getfile(type(service)))
        name = f"{service.name}_" if iskeyword(service.name) else service.name
        assert place.name == f"{name}.py"
        package = providers()[service.provider].services
        if type(service).__module__.partition(".")[0] == package.partition(".")[0]:
            assert place.parent in {Path(path) for path in import_module(package).__path__}

    def test_it_says_what_it_is(self, service: Service) -> None:
        """The first paragraph of the class is what lists and pages say of it."""
        described = type(service).__dict__.get("__doc__") or ""
        assert len(described.strip()) > 20
        assert described.strip().splitlines()[0].endswith((".", ":"))

    def test_its_intervals_can_be_planned(self, service: Service) -> None:
        """Windows are whole seconds, ten at least; what is read again is read later each time."""
        assert service.interval >= timedelta(seconds=10)
        assert service.interval % timedelta(seconds=1) == timedelta(0)
        assert service.delay >= timedelta(0)
        assert service.check_interval(service.interval) == ""
        assert list(service.refresh) == sorted(set(service.refresh))
        assert all(late > service.delay for late in service.refresh)

    @pytest.mark.parametrize("interval", [timedelta(seconds=60), timedelta(seconds=300), timedelta(hours=1)])
    def test_an_interval_for_the_whole_provider_suits_it(self, service: Service, interval: timedelta) -> None:
        """``collection_interval`` of the section, and ``intervals`` for it alone."""
        length = service.interval_in(ProviderSettings(collection_interval=interval))
        assert service.check_interval(length) == ""
        own = service.interval_in(
            ProviderSettings(collection_interval=interval, intervals={service.name: service.interval})
        )
        assert own == service.interval

    def test_its_permissions_are_named_as_the_provider_names_them(self, service: Service) -> None:
        """Each by name, where the provider grants any at all."""
        assert isinstance(service.permissions, tuple)
        assert len(set(service.permissions)) == len(service.permissions)
        if not providers()[service.provider].permissions:
            return
        assert service.permissions, "a provider that grants permissions, and a service that needs none"
        for permission in service.permissions:
            assert permission == permission.strip()
            assert ":" in permission or "/" in permission or "." in permission
            assert "*" not in permission, "the least privilege, not a family of them"

    def test_what_it_delivers_is_read(self, service: Service) -> None:
        """Who looks for deliveries of bills names the service that reads them, and that one waits for nothing else."""
        others = [one for one in services().values() if one.provider == service.provider]
        if service.delivers:
            assert any(one.name == service.delivers and one.delivered for one in others), (
                "name one with delivered = True"
            )
        if service.delivered:
            assert any(one.delivers == service.name for one in others), "nobody looks for what it reads"
            assert service.brings_bills, "its results would delay metrics"
            assert not service.refresh, "a newer version is read when it is seen"
        if service.delivers or service.delivered:
            section = ProviderSettings()
            with suppress(ValidationError):
                section = providers()[service.provider].settings()
            parts = [service.parts(section, account) for account in section.accounts_of(service.provider)]
            assert None not in parts, "its targets are the exports that are configured: override parts"

    def test_its_resources_are_nobody_elses(self, service: Service) -> None:
        """What two services of a provider can both see belongs to one of them: else it is counted twice."""
        for claim in service.owns:
            assert claim == claim.lower(), f"{claim}: ids are compared in small letters"
        others = [one for one in services().values() if one.provider == service.provider and one.name != service.name]
        for other in others:
            shared = [(mine, theirs) for mine in service.owns for theirs in other.owns if overlap(mine, theirs)]
            assert not shared, f"{service.name} and {other.name} both claim {shared[0]}"

    def test_its_paid_apis_are_among_its_permissions_and_have_a_price(self, service: Service) -> None:
        """Whoever may call a paid API has granted it, and the meter knows its price."""
        assert _permissions(service, service.paid) <= set(service.permissions)
        assert all(price.is_finite() and price > 0 for price in service.paid.values())

    @pytest.mark.parametrize("resources", [0, 1, 1000, 100_000])
    def test_it_can_be_estimated(self, service: Service, resources: int) -> None:
        """``finfleet plan`` shows calls and dollars of any size."""
        start = datetime(2026, 11, 24, tzinfo=UTC)
        estimate = service.estimate(Window(start, start + service.interval), resources)
        self._check_estimate(service, estimate)
        if service.paid and resources:
            assert estimate.cost_usd is None or estimate.cost_usd > 0

    @pytest.mark.parametrize("resources", [0, 1000])
    def test_it_can_be_estimated_as_configured(self, service: Service, resources: int) -> None:
        """With the account of a section that says nothing, where there can be such a one."""
        section = ProviderSettings()
        with suppress(ValidationError):
            section = providers()[service.provider].settings()
        start = datetime(2026, 11, 24, tzinfo=UTC)
        for account in section.accounts_of(service.provider):
            window = Window(start, start + service.interval)
            self._check_estimate(service, service.estimate_for(window, resources, section, account))

    @staticmethod
    def _check_estimate(service: Service, estimate: Estimate) -> None:
        assert all(calls >= 0 for calls in estimate.calls.values())
        assert _permissions(service, estimate.calls) <= set(service.permissions)
        assert estimate.cost_usd is None or estimate.cost_usd >= 0
        paid = [api for api, calls in estimate.calls.items() if calls and api in service.paid]
        if len(paid) > 1 and estimate.cost_usd is not None:
            assert sum(estimate.paid.values()) == estimate.cost_usd, "name the dollars of each API in paid"

    def test_reading_the_registry_loads_no_sdk_and_nothing_of_the_fleet(self) -> None:
        """The planner, beat and the command line read every service's facts; a collector's machine has no fleet."""
        modules = sorted({type(service).__module__ for service in self.chosen()})
        assert not loaded_by(modules) & sdks()


def _permissions(service: Service, apis: Iterable[str]) -> set[str]:
    if not providers()[service.provider].permissions:
        return set()
    return {permission_of(service.provider, api) for api in apis}
