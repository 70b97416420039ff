"""Refusals in a form that is not Azure's, at every call of every service: the status counts, not the body."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple

import pytest

from agents.azure.permissions import permission_of
from emulators.azure import DEFAULT_SUBSCRIPTION, LocalAzure
from emulators.azure.cost import CostLine
from emulators.azure.seed import seed_ml
from telemetry.batch import Outcome
from telemetry.errors import CollectionError, CollectionFailed, Denied, Throttled, Unavailable
from telemetry.target import Window
from tests.support.azure import CPU, VMS, WINDOW, add_vm, forget, put, shared, standing_azure, steady
from tests.support.collecting import Collected, collect

_DAY = Window(datetime(2026, 11, 22, tzinfo=UTC), datetime(2026, 11, 23, tzinfo=UTC))
_QUARTER = Window(WINDOW.start.replace(minute=30), WINDOW.end)
_WORKSPACE = "99999999-9999-4999-8999-999999999999"


class Call(NamedTuple):
    """One call, the collection that makes it, and whether its neighbours do without it."""

    api: str
    target: str
    window: Window
    part: bool


_CALLS = (
    Call("login:configuration", VMS, WINDOW, part=False),
    Call("login:token", VMS, WINDOW, part=False),
    Call("resourcegraph:resources", VMS, WINDOW, part=False),
    Call("metrics:getBatch", VMS, WINDOW, part=True),
    Call("retailprices:items", VMS, WINDOW, part=True),
    Call("logs:query", VMS, WINDOW, part=True),
    Call("machinelearning:jobs", "azure/default/global/ml_workspace", _QUARTER, part=True),
    Call("costmanagement:query", "azure/default/global/cost", _DAY, part=False),
)
_STATUSES: dict[int, type[CollectionError]] = {
    429: Throttled,
    401: Denied,
    403: Denied,
    408: Unavailable,
    500: Unavailable,
    503: Unavailable,
    200: Unavailable,
    302: Unavailable,
    418: CollectionFailed,
}
_PAGE = "<html><body>The gateway says no</body></html>"
_BODIES = {
    "empty": ("", "text/html"),
    "page": (_PAGE, "text/html; charset=no-such-charset"),
    "a page that says JSON": (_PAGE, "application/json"),
    "a number": ("5", "application/json"),
    "a list": ('["error"]', "application/json"),
    "an error of another shape": ('{"error": ["a", {"code": {}}], "Message": 5}', "application/json"),
    "no XML": ("<a", "application/xml"),
    "nothing that there is": ("\x00\x01", "foo/bar"),
}
_ANSWERS = [(status, body) for status in _STATUSES for body in _BODIES if status in {200, 403, 429} or body == "empty"]
"""Every status without a word, and every body with the statuses that an SDK takes apart."""


@pytest.fixture(scope="module")
def running() -> Iterator[LocalAzure]:
    with standing_azure() as azure:
        azure.logs.workspace(_WORKSPACE, DEFAULT_SUBSCRIPTION)
        azure.costs.load(DEFAULT_SUBSCRIPTION, _DAY.start.date(), [CostLine(service_name="S", cost=Decimal(7))])
        yield azure


@pytest.fixture
def azure(running: LocalAzure, monkeypatch: pytest.MonkeyPatch) -> LocalAzure:
    monkeypatch.setattr("agents.core.calls._FIRST_PAUSE", 0.001)
    monkeypatch.setattr("agents.core.api_call._SILENCE", 0.001)
    monkeypatch.setattr("agents.azure.calls.AzureCalls.attempts", 2)
    forget(running)
    put(running, add_vm(running), CPU, steady(50))
    seed_ml(running, 1, jobs=3)
    return running


def _collect(azure: LocalAzure, call: Call) -> Collected:
    return collect(shared(azure, logs_workspace_id=_WORKSPACE), call.target, call.window)


def _check(collected: Collected, call: Call, kind: type[CollectionError]) -> None:
    """A part that is refused is named, and costs its neighbours nothing; a wait is everyone's."""
    if call.part and kind is not Throttled:
        assert collected.error is None, collected.error
        assert collected.report.outcome is Outcome.COMPLETE
        assert any(call.api in line for line in collected.report.partial), collected.report.partial
    else:
        assert isinstance(collected.error, kind), collected.error


@pytest.mark.parametrize(("status", "body"), _ANSWERS)
@pytest.mark.parametrize("call", _CALLS, ids=[call.api for call in _CALLS])
def test_the_status_says_what_it_is_whatever_the_body(azure: LocalAzure, call: Call, status: int, body: str) -> None:
    login = call.api.startswith("login:")
    text, content_type = _BODIES[body]
    azure.faults.inject("raw", api=call.api, status=status, body=text, content_type=content_type, seconds=0)

    collected = _collect(azure, call)

    kind = Denied if login and status == 418 else _STATUSES[status]
    _check(collected, call, kind)
    if status == 403 and not login and call.api != "retailprices:items":
        assert collected.report.permission == permission_of(call.api)
    if kind is Throttled:
        assert sum(use.throttles for use in collected.report.apis) == azure.calls(outcome="raw")[call.api]


@pytest.mark.parametrize("call", _CALLS, ids=[call.api for call in _CALLS])
def test_a_wait_is_heeded_without_a_word_in_the_body(azure: LocalAzure, call: Call) -> None:
    azure.faults.inject("raw", api=call.api, status=429, seconds=40)
    collected = _collect(azure, call)
    assert isinstance(collected.error, Throttled), collected.error
    assert collected.error.retry_after == 40
    assert azure.calls()[call.api] == 1
