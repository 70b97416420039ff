"""One call of a provider's API: in time, in turn, within the budget, renewed and tried again. No cloud is needed."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, ClassVar

import pytest

from agents.core.api_call import ApiCall, call_under_way, throttled
from agents.core.calls import Calls
from agents.core.context import Context, Shared
from agents.core.errors import BrokenListing, ExpiredCredentials
from agents.core.limits import Quota, Scope
from agents.core.meter import Meter
from agents.core.sessions import Sessions
from telemetry.errors import BudgetReached, CollectionError, CollectionFailed, Denied, Throttled, Unavailable
from telemetry.settings import Settings

_PAID = "cloud:Paid"


class _SdkError(Exception):
    """An error of the SDK of this cloud."""


@dataclass(frozen=True)
class _Call(ApiCall):
    def __str__(self) -> str:
        return f"cloud/{self.account} {self.api}"

    @property
    def scopes(self) -> tuple[Scope, ...]:
        return (Scope("cloud/tenant", Quota(1000, 1000)), Scope("cloud/caller", Quota(1000, 1000)))


class _Sessions(Sessions[int]):
    opened = 0

    def open(self) -> int:
        self.opened += 1
        return self.opened


@dataclass
class _Limiter:
    turns: list[str] = field(default_factory=list)
    silences: list[tuple[str, float]] = field(default_factory=list)

    def acquire(self, scope: str, quota: Quota, deadline: float) -> None:
        del quota, deadline
        self.turns.append(scope)

    def quiet(self, scope: str, seconds: float) -> None:
        self.silences.append((scope, seconds))


class _Calls(Calls[int, _Call]):
    provider: ClassVar[str] = "cloud"
    budget = Decimal("0.05")

    def translate(self, error: Exception, call: _Call) -> CollectionError | None:
        return CollectionFailed(f"{call}: {error}") if isinstance(error, _SdkError) else None

    def call(self, send: Callable[[int], Any], api: str = "cloud:Read") -> Any:
        def prepare(session: int) -> int:
            self.charge(api, 1)
            return session

        return self.make(lambda _: _Call(self.context, api), prepare, send)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> _Calls:
    monkeypatch.setattr("agents.core.calls._FIRST_PAUSE", 0.001)
    shared = Shared(Settings.model_validate({"aws": {}}), limiter=_Limiter())
    assert shared.settings.aws is not None
    (account,) = shared.settings.aws.accounts_of("aws")
    meter = Meter({_PAID: Decimal("0.02")})
    return _Calls(Context(shared, account, meter, time.monotonic() + 60), _Sessions())


def _limiter(calls: _Calls) -> _Limiter:
    limiter = calls.context.shared.limiter
    assert isinstance(limiter, _Limiter)
    return limiter


def _failing(*errors: Exception) -> tuple[Callable[[int], str], list[int]]:
    """Sends that fail in turn, then succeed; and the sessions that they were made with."""
    left, sessions = list(errors), list[int]()

    def send(session: int) -> str:
        sessions.append(session)
        if left:
            raise left.pop(0)
        return "answer"

    return send, sessions


def test_a_call_waits_for_its_turn_in_every_quota_and_is_known_while_it_is_under_way(calls: _Calls) -> None:
    found = calls.call(lambda _: call_under_way(_Call))
    assert found.api == "cloud:Read"
    assert call_under_way(_Call) is None
    assert _limiter(calls).turns == ["cloud/tenant", "cloud/caller"]


def test_no_call_goes_out_after_the_deadline(calls: _Calls) -> None:
    late = _Calls(Context(calls.context.shared, calls.context.account, Meter(), time.monotonic() - 1), _Sessions())
    send, sessions = _failing()
    with pytest.raises(CollectionFailed, match="not done within"):
        late.call(send)
    assert sessions == []
    assert _limiter(calls).turns == []


@pytest.mark.parametrize("error", [Unavailable("away"), Throttled("slow", "cloud/tenant"), Throttled("slow", "x", 4.0)])
def test_what_is_over_in_a_moment_is_tried_again(calls: _Calls, error: CollectionError) -> None:
    send, sessions = _failing(error, error, error)
    assert calls.call(send) == "answer"
    assert sessions == [1] * 4
    send, sessions = _failing(*[error] * 4)
    with pytest.raises(type(error)):
        calls.call(send)
    assert len(sessions) == 4
    assert len(_limiter(calls).turns) == 2 * 8, "each attempt has its own turn"


@pytest.mark.parametrize(
    "error",
    [Throttled("slow", "x", 5.5), BrokenListing("broken"), Denied("no"), CollectionFailed("no"), ValueError("a fault")],
)
def test_what_stays_as_it_is_is_not(calls: _Calls, error: Exception) -> None:
    send, sessions = _failing(error)
    with pytest.raises(type(error)):
        calls.call(send)
    assert len(sessions) == 1


def test_an_sdk_that_tries_again_itself_is_left_to_it(calls: _Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_Calls, "attempts", 1)
    send, sessions = _failing(Unavailable("away"))
    with pytest.raises(Unavailable):
        calls.call(send)
    assert len(sessions) == 1


def test_expired_credentials_are_renewed_once(calls: _Calls) -> None:
    send, sessions = _failing(ExpiredCredentials("old"))
    assert calls.call(send) == "answer"
    assert sessions == [1, 2]
    send, sessions = _failing(ExpiredCredentials("old"), ExpiredCredentials("old"))
    with pytest.raises(ExpiredCredentials):
        calls.call(send)
    assert sessions == [2, 3]


def test_credentials_that_cannot_be_renewed_are_not(calls: _Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_Calls, "renewable", lambda *_: False)
    send, sessions = _failing(ExpiredCredentials("old"))
    with pytest.raises(ExpiredCredentials):
        calls.call(send)
    assert sessions == [1]


def test_those_who_find_a_session_expired_at_once_open_one_other(calls: _Calls) -> None:
    first = calls.session
    assert {calls._sessions.renew(first) for _ in range(5)} == {2}


def test_a_paid_call_is_charged_before_it_goes_out(calls: _Calls) -> None:
    send, sessions = _failing()
    for _ in range(2):
        calls.call(send, _PAID)
    with pytest.raises(BudgetReached, match="cloud/default: the budget of"):
        calls.call(send, _PAID)
    assert len(sessions) == 2
    assert calls.call(send) == "answer", "what is free goes on"


def test_an_error_of_the_sdk_is_translated_without_its_cause(calls: _Calls) -> None:
    send, _ = _failing(_SdkError("secret"))
    with pytest.raises(CollectionFailed, match="cloud/default cloud:Read") as caught:
        calls.call(send)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__, "the original holds the request"


@pytest.mark.parametrize(("wait", "silence"), [(7.0, 7.0), (None, 2.0)])
def test_a_refusal_for_pace_silences_every_quota_of_the_call(calls: _Calls, wait: float | None, silence: float) -> None:
    error = throttled(_Call(calls.context, "cloud:Read"), "slow down", wait)
    assert (error.scope, error.retry_after) == ("cloud/tenant", wait)
    assert _limiter(calls).silences == [("cloud/tenant", silence), ("cloud/caller", silence)]
