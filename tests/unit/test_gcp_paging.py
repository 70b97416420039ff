"""Pages of a listing: none is left out in silence."""

import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from google.cloud.monitoring_v3 import ListTimeSeriesResponse

from agents.core.context import Context, Shared
from agents.core.meter import Meter
from agents.gcp.calls import GcpCalls, Sending
from telemetry.errors import Unavailable
from telemetry.settings import Settings


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> GcpCalls:
    """Calls that go nowhere: what Google would answer is the test's."""

    def call(_self: GcpCalls, _api: str, send: Callable[[Any], Any], _units: object) -> Any:
        return send(None)

    monkeypatch.setattr(GcpCalls, "call", call)
    shared = Shared(Settings.model_validate({"gcp": {"project_id": "shop-prod"}}))
    assert shared.settings.gcp is not None
    (account,) = shared.settings.gcp.accounts_of("gcp")
    return GcpCalls(Context(shared, account, Meter(), time.monotonic() + 60))


def _answering(tokens: dict[str, str], asked: list[str]) -> Callable[[Sending, str], Any]:
    def ask(_sending: Sending, token: str) -> Any:
        asked.append(token)
        return SimpleNamespace(pages=iter([ListTimeSeriesResponse(next_page_token=tokens[token])]))

    return ask


def test_every_page_is_asked_for_by_the_token_of_the_one_before(calls: GcpCalls) -> None:
    asked: list[str] = []
    pages = list(calls.pages("x:List", _answering({"": "a", "a": "b", "b": ""}, asked)))
    assert len(pages) == 3
    assert asked == ["", "a", "b"]


def test_a_page_that_leads_to_itself_is_an_error_and_no_end(calls: GcpCalls) -> None:
    pages = calls.pages("x:List", _answering({"": "a", "a": "a"}, []))
    assert next(pages)
    assert next(pages)
    with pytest.raises(Unavailable, match="gave one page twice"):
        next(pages)
