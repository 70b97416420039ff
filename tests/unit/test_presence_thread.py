"""The thread that tells of a process: whatever goes wrong with it, it goes on, and harms nothing."""

import threading
from collections.abc import Iterator

import pytest

from telemetry.presence import Sign
from tests.support.waiting import until
from tests.unit.test_presence import SIGN
from workers import ending
from workers.health.heartbeat import PULSE, Heartbeat
from workers.health.presence import Presence, Relay, present


@pytest.fixture(autouse=True)
def _pulse() -> Iterator[None]:
    Heartbeat(None).give()
    yield
    Heartbeat(None).give()


def test_it_tells_again_after_an_error_and_says_good_bye(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.health.presence._AGAIN", 0.01)
    told: list[Sign] = []
    failed = threading.Event()

    def tell(sign: Sign) -> None:
        if not failed.is_set():
            failed.set()
            raise RuntimeError("the database is away")
        told.append(sign)

    presence = Presence("beat", (), tell, every=0.01)
    presence.start()
    until(lambda: len(told) > 1)
    presence.stopped()
    presence.stopped()
    # It waits a second for its last word, which a busy machine may take longer to say.
    until(lambda: told[-1].stopped)
    assert [sign.stopped for sign in told].count(True) == 1
    assert len({sign.process_id for sign in told}) == 1


def test_it_says_why_a_process_does_not_work(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Sign] = []
    Heartbeat(None).withhold("the broker\n does not answer")
    presence = Presence("worker aws", ("collect.aws",), told.append, every=0.01)
    presence.start()
    until(lambda: bool(told))
    assert told[-1].trouble == "the broker does not answer"
    Heartbeat(None).give()
    until(lambda: told[-1].trouble == "")
    monkeypatch.setattr(PULSE, "given_at", PULSE.given_at - 1000)
    until(lambda: "has done nothing for" in told[-1].trouble)
    presence.stopped()


def test_a_process_that_fails_is_missed_and_one_that_ends_is_not() -> None:
    told: list[Sign] = []

    def fail() -> None:
        with present("forward", told.append, every=0.01):
            until(lambda: bool(told))
            raise KeyError("a fault")

    with pytest.raises(KeyError):
        fail()
    assert not any(sign.stopped for sign in told)
    failed = {sign.process_id for sign in told}
    with present("forward", told.append, every=0.01):
        """It does its work."""
    until(lambda: told[-1].stopped)
    assert [sign.process_id in failed for sign in told if sign.stopped] == [False]
    assert next(sign for sign in reversed(told) if sign.process_id not in failed).stopped


def test_a_sign_that_takes_long_does_not_come_after_the_last_word() -> None:
    told: list[bool] = []
    begun, go_on = threading.Event(), threading.Event()

    def tell(sign: Sign) -> None:
        if not sign.stopped:
            begun.set()
            go_on.wait(30)
        told.append(sign.stopped)

    presence = Presence("beat", (), tell, every=0.01)
    presence.start()
    assert begun.wait(30)
    ends = threading.Thread(target=presence.stopped)
    ends.start()
    until(presence._ended.is_set)
    go_on.set()
    ends.join(30)
    until(lambda: True in told)
    assert told == [False, True]


def test_who_is_told_to_stop_says_so_and_who_fails_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(ending, "_last_words", [])
    monkeypatch.setattr("workers.ending.os._exit", lambda status: said.append(f"exit {status}"))
    monkeypatch.setattr("workers.ending.logging.shutdown", lambda: None)
    ending.at_end(lambda: said.append("good-bye"))
    ending.end(78)
    ending.end(0)
    assert said == ["exit 78", "good-bye", "exit 0"]


def test_the_newest_sign_of_each_is_relayed_and_of_not_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    relay = Relay()
    relay.add(SIGN)
    relay.add(SIGN)
    assert relay.take() == [SIGN]
    assert relay.take() == []
    monkeypatch.setattr("workers.health.presence._MOST_RELAYED", 0)
    relay.add(SIGN)
    assert relay.take() == []
