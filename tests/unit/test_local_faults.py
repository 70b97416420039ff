"""The fault rules that all local clouds share: which requests are hit, and when."""

from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

import pytest

from emulators.core import faults
from emulators.core.faults import ANY, Rule


class Kind(Enum):
    THROTTLE = "throttle"
    LIMIT = "limit"
    LATENCY = "latency"
    EXPIRED_TOKEN = "expired_token"
    ODD = "odd"


@dataclass(frozen=True)
class Request:
    api: str = "maps:read"
    place: str = "here"
    key: str = "k1"


class Fault(faults.Fault, kw_only=True):
    which: ClassVar[tuple[str, ...]] = ("api", "place")

    kind: Kind
    api: str = ANY
    place: str = ANY

    def limited_by(self, request: Request) -> str:
        return request.place

    def credential(self, request: Request) -> str:
        return request.key


class Refused(Exception):
    pass


class Faults(faults.Faults[Fault, Request, Refused]):
    played_elsewhere = frozenset({Kind.ODD})

    def refusal(self, kind: str, rule: Rule[Fault], request: Request) -> Refused:
        return Refused(kind, request.api, rule.hits)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def rules(clock: Clock) -> Faults:
    return Faults(Fault, clock)


def met(rules: Faults, *requests: Request) -> list[str | None]:
    return [rules.meet(request)[1] for request in requests]


@pytest.mark.parametrize(
    ("api", "hit"), [("maps:read", True), ("MAPS:Read", True), ("maps:*", True), ("map", False), ("charts:*", False)]
)
def test_a_field_matches_whole_in_any_case_or_by_its_beginning(rules: Faults, api: str, hit: bool) -> None:
    rules.inject("throttle", api=api)
    assert met(rules, Request()) == ["throttle" if hit else None]


def test_every_field_must_match(rules: Faults) -> None:
    rules.inject("throttle", api="maps:*", place="there")
    assert met(rules, Request(), Request(place="there")) == [None, "throttle"]


def test_the_first_pass_and_no_more_than_so_many_are_hit(rules: Faults) -> None:
    rules.inject("throttle", after=2, count=1)
    assert met(rules, *[Request()] * 5) == [None, None, "throttle", None, None]
    (state,) = rules.state()
    assert (state["seen"], state["hits"]) == (5, 1)


def test_a_limit_has_a_bucket_for_each_and_refuses_as_a_throttle(rules: Faults, clock: Clock) -> None:
    rules.inject("limit", per_second=2, burst=1)
    assert met(rules, Request(), Request(), Request(place="there")) == [None, "throttle", None]
    clock.now += 0.5
    assert met(rules, Request(), Request()) == [None, "throttle"]


def test_what_was_used_before_has_expired_and_what_is_new_works(rules: Faults) -> None:
    rules.inject("expired_token", after=1)
    old, new = Request(), Request(key="k2")
    assert met(rules, old, old, new, old) == [None, "expired_token", None, "expired_token"]


def test_waits_add_up_until_the_first_refusal(rules: Faults) -> None:
    rules.inject("latency", latency_ms=200)
    rules.inject("latency", latency_ms=50)
    assert rules.meet(Request()) == (0.25, None, None)
    rules.inject("throttle")
    rules.inject("latency", latency_ms=1000)
    wait, kind, error = rules.meet(Request())
    assert (wait, kind, str(error)) == (0.25, "throttle", str(Refused("throttle", "maps:read", 1)))


def test_what_a_service_plays_itself_is_met_by_nobody(rules: Faults) -> None:
    rules.inject("odd", count=1)
    assert met(rules, Request()) == [None]
    assert [rules.strikes(Kind.ODD, Request()) for _ in range(2)] == [True, False]


@pytest.mark.parametrize("settings", [{"rate": 2}, {"nonsense": 1}, {"count": "many"}])
def test_a_rule_that_means_nothing_is_refused(rules: Faults, settings: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        rules.inject("throttle", **settings)
    assert rules.state() == []
