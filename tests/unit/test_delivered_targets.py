"""Targets of services that look for deliveries of bills, and of those that read them: one for each export."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from agents.core import service as registry
from agents.core.estimating import Estimate
from agents.core.service import Service
from agents.core.targets import targets_of
from agents.generic.settings import GenericSettings
from telemetry.settings.providers import Account, ProviderSettings
from telemetry.target import Window


class _Looks(Service):
    """Looks for deliveries."""

    provider, name = "generic", "looks"
    interval, delay = timedelta(hours=1), timedelta(0)
    permissions = ()
    delivers = "reads"
    exports: tuple[str, ...] = ()

    def collect(self, context: object, target: object, window: object) -> Iterator[object]:  # type: ignore[override]
        raise NotImplementedError  # nothing is collected here: its targets alone are looked at

    def estimate(self, window: Window, resources: int) -> Estimate:
        raise NotImplementedError  # nor priced

    def parts(self, section: ProviderSettings, account: Account) -> tuple[str, ...]:
        del section, account
        return self.exports


class _Reads(_Looks):
    """Reads them."""

    name = "reads"
    delivers, delivered = "", True


@pytest.fixture
def pair(monkeypatch: pytest.MonkeyPatch) -> tuple[_Looks, _Reads]:
    found = (_Looks(), _Reads())
    monkeypatch.setattr(_Looks, "exports", ("cur", "focus"))
    known = {**registry.services(), **{one.key: one for one in found}}
    for module in ("agents.core.service", "agents.core.targets"):
        monkeypatch.setattr(f"{module}.services", lambda: known)
    return found


def _names(service: Service, **section: object) -> list[str]:
    settings = GenericSettings.model_validate(section)
    return [str(target) for _, target in targets_of("generic", settings, service)]


def test_parts_stand_in_the_place_of_regions(pair: tuple[_Looks, _Reads], monkeypatch: pytest.MonkeyPatch) -> None:
    for one in pair:
        assert _names(one) == [f"generic/default/cur/{one.name}", f"generic/default/focus/{one.name}"]
    monkeypatch.setattr(_Looks, "exports", ())
    assert [_names(one) for one in pair] == [[], []], "none is configured: no target"


def test_whoever_names_one_of_the_two_wants_both(pair: tuple[_Looks, _Reads]) -> None:
    for chosen in ("looks", "reads"):
        assert all(_names(one, services=[chosen]) for one in pair)
    assert not any(_names(one, services=["host"]) for one in pair)


def test_others_have_no_parts() -> None:
    assert _names(registry.find("generic", "host")) == ["generic/default/local/host"]


@pytest.mark.parametrize(
    ("now", "start", "end"),
    [
        (datetime(2026, 11, 28, 10, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)),
        (datetime(2026, 12, 31, 23, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
    ],
)
def test_who_asks_once_gets_the_running_month(now: datetime, start: datetime, end: datetime) -> None:
    assert _Reads().latest_window(now, timedelta(days=31)) == Window(start, end)
