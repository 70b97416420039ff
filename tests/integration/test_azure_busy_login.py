"""A token endpoint that asks to slow down, in every form: it is a matter of time, never of credentials."""

from collections.abc import Iterator

import pytest

from emulators.azure import LocalAzure
from telemetry.errors import Throttled
from tests.support.azure import VMS, WINDOW, add_vm, forget, shared, standing_azure
from tests.support.collecting import collect


@pytest.fixture(scope="module")
def standing() -> Iterator[LocalAzure]:
    with standing_azure() as running:
        yield running


@pytest.fixture
def azure(standing: LocalAzure, monkeypatch: pytest.MonkeyPatch) -> LocalAzure:
    monkeypatch.setattr("agents.azure.calls.AzureCalls.attempts", 2)
    monkeypatch.setattr("agents.core.api_call._SILENCE", 0.05)
    forget(standing)
    add_vm(standing)
    return standing


@pytest.mark.parametrize(
    ("api", "form"), [("login:configuration", "retry-after"), ("login:token", "milliseconds"), ("login:token", "bare")]
)
def test_it_is_throttled_whatever_the_form(azure: LocalAzure, api: str, form: str) -> None:
    azure.inject("throttle", api=api, form=form, seconds=1)
    collected = collect(shared(azure), VMS, WINDOW)
    assert isinstance(collected.error, Throttled), collected.error
    azure.faults.clear()
    assert collect(shared(azure), VMS, WINDOW).error is None
