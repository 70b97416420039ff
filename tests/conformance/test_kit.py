"""The conformance kit finds what it is there to find: each of these is wrong in one way."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import pytest

from agents.core.context import Context, Shared
from agents.core.service import Estimate, Service
from agents.generic.provider import Generic
from agents.generic.services.host import Host
from agents.testing import collecting
from agents.testing.collecting import Collected, check_collection, check_denied, check_throttled, collect
from agents.testing.providers import ProviderConformance
from agents.testing.services import ServiceConformance
from telemetry.batch import ApiUse
from telemetry.errors import Denied, Throttled
from telemetry.records import MetricPoint, Record, Resource
from telemetry.settings import Settings
from telemetry.settings.fields import Section
from telemetry.settings.providers import ProviderSettings
from telemetry.target import Target, Window

_START = datetime(2026, 11, 24, tzinfo=UTC)
_WINDOW = Window(_START, _START + timedelta(hours=1))
_POINT: dict[str, Any] = {"metric": "m", "source_metric": "m", "unit": "", "statistic": "average", "period": 60}


def _service(**changed: Any) -> Host:
    """A service of AWS that is as it should be but for what is changed."""
    right: dict[str, Any] = {
        "provider": "aws",
        "name": "host",
        "permissions": ("ec2:DescribeInstances",),
        "live": False,
        "__doc__": "A service that is made up for these tests.",
        "__module__": Host.__module__,
    }
    made: Host = type("Made", (Host,), {**right, **changed})()
    return made


_CHECKS: dict[str, Callable[[ServiceConformance, Any], None]] = {
    "named": ServiceConformance.test_it_is_named_as_a_target_can_be,
    "says": ServiceConformance.test_it_says_what_it_is,
    "planned": ServiceConformance.test_its_intervals_can_be_planned,
    "permissions": ServiceConformance.test_its_permissions_are_named_as_the_provider_names_them,
    "paid": ServiceConformance.test_its_paid_apis_are_among_its_permissions_and_have_a_price,
    "estimated": lambda kit, service: kit.test_it_can_be_estimated(service, 1000),
}


@pytest.mark.parametrize("check", _CHECKS)
def test_what_is_right_passes(check: str) -> None:
    _CHECKS[check](ServiceConformance(), _service())


@pytest.mark.parametrize(
    ("check", "changed"),
    [
        ("named", {"name": "with/slash"}),
        ("named", {"provider": "mars"}),
        ("says", {"__doc__": "Too short."}),
        ("says", {"__doc__": None}),
        ("planned", {"interval": timedelta(seconds=1)}),
        ("planned", {"interval": timedelta(seconds=60.5)}),
        ("planned", {"delay": timedelta(seconds=-1)}),
        ("planned", {"refresh": (timedelta(days=2), timedelta(days=1))}),
        ("permissions", {"permissions": ()}),
        ("permissions", {"permissions": ["ec2:DescribeInstances"]}),
        ("permissions", {"permissions": ("ec2:Describe*",)}),
        ("permissions", {"permissions": ("DescribeInstances",)}),
        ("paid", {"paid": MappingProxyType({"ec2:Other": Decimal(1)})}),
        ("paid", {"paid": MappingProxyType({"ec2:DescribeInstances": Decimal(0)})}),
        ("estimated", {"estimate": lambda *_: Estimate({"ec2:Other": 1}, Decimal(0))}),
        ("estimated", {"estimate": lambda *_: Estimate({}, Decimal(-1))}),
        (
            "estimated",
            {
                "paid": MappingProxyType({"ec2:DescribeInstances": Decimal(1)}),
                "estimate": lambda *_: Estimate({}, Decimal(0)),
            },
        ),
    ],
)
def test_what_is_wrong_with_a_service_is_found(check: str, changed: dict[str, Any]) -> None:
    with pytest.raises(AssertionError):
        _CHECKS[check](ServiceConformance(), _service(**changed))


def test_nothing_at_all_does_not_pass() -> None:
    for changed in ({"provider": "mars"}, {"names": ("no_such",)}):
        kit = type("Chosen", (ServiceConformance,), changed)()
        with pytest.raises(AssertionError):
            kit.test_there_are_such()
    providers: Any = type("Chosen", (ProviderConformance,), {"provider": "mars"})
    assert providers.chosen() == ["mars"]
    with pytest.raises(AssertionError):
        ProviderConformance().test_it_is_there("mars")


class _Inner(Section):
    password: str = ""


class _Loose(ProviderSettings):
    entries: tuple[_Inner, ...] = ()


def test_a_secret_that_shows_is_found_wherever_it_lies(monkeypatch: pytest.MonkeyPatch) -> None:
    ProviderConformance().test_its_secrets_are_secrets("aws")
    monkeypatch.setattr(Generic, "settings", _Loose)
    with pytest.raises(AssertionError, match=r"_Inner\.password: make it a SecretStr"):
        ProviderConformance().test_its_secrets_are_secrets("generic")


class _Made(Service):
    """A service that yields what a test gives it."""

    provider, name = "generic", "host"
    interval, delay = timedelta(hours=1), timedelta(0)
    permissions = ("made:Read",)
    paid = MappingProxyType({"made:Read": Decimal("0.01")})
    starts: tuple[datetime, ...] = ()

    def collect(self, context: Context, target: Target, window: Window) -> Iterator[Record]:
        del target, window
        context.meter.call("made:Read")
        resource = Resource(provider="generic", account="default", region="local", service="host", resource_id="one")
        for start in self.starts:
            yield MetricPoint(resource=resource, start=start, value=1.0, **_POINT)

    def estimate(self, window: Window, resources: int) -> Estimate:
        del window, resources
        return Estimate({}, None)


def _collected(monkeypatch: pytest.MonkeyPatch, *starts: datetime) -> Collected:
    made = _Made()
    made.starts = starts
    monkeypatch.setattr("agents.core.collection.find", lambda *_: made)
    monkeypatch.setattr(collecting, "find", lambda *_: made)
    shared = Shared(Settings.model_validate({"generic": {}}), now=lambda: _WINDOW.end)
    return collect(shared, "generic/default/local/host", _WINDOW)


def test_what_a_collection_did_is_held_to_what_its_service_says(monkeypatch: pytest.MonkeyPatch) -> None:
    found = _collected(monkeypatch, _START)
    check_collection(found)
    for use, said in (
        (ApiUse("made:Other", 1, 0, Decimal(1)), "name its permission"),
        (ApiUse("made:Read", 1, 0, Decimal(0)), "cost nothing"),
    ):
        found.report.apis[:] = [use]
        with pytest.raises(AssertionError, match=said):
            check_collection(found)
    found.report.apis[:] = []
    with pytest.raises(AssertionError, match="no call was metered"):
        check_collection(found)


def test_a_refusal_that_names_nothing_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    found = _collected(monkeypatch, _START)
    for check in (check_denied, check_throttled):
        with pytest.raises(AssertionError):
            check(found)
    for error, check in (
        (Denied("no", "made:Other"), check_denied),
        (Throttled("wait", "generic/default/made:Read", 1.0), check_throttled),  # not counted
    ):
        monkeypatch.setattr(_Made, "collect", _raising(error))
        with pytest.raises(AssertionError):
            check(_collected(monkeypatch))
    monkeypatch.setattr(_Made, "collect", _raising(Denied("no", "made:Read")))
    check_denied(_collected(monkeypatch))


def _raising(error: Exception) -> Callable[..., Iterator[Record]]:
    """A collection that fails when its first record is asked for."""

    def fail(_: int) -> Record:
        raise error

    return lambda *_: map(fail, [1])


def test_a_point_that_reaches_past_the_window_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AssertionError):
        check_collection(_collected(monkeypatch, _WINDOW.end - timedelta(seconds=30)))
