"""What counts as a worker that works; the sign of life; labels with a bound."""

import os
import socket
import threading
import time
from pathlib import Path

import pytest

from workers.health.heartbeat import Heartbeat
from workers.health.worker import LOOP_WITHIN, TAKEN_WITHIN, Judge, Look
from workers.metrics.registry import Bounded

LEASE = 900.0


def _look(at: float, **fields: float) -> Look:
    usual = {"looped_at": at, "waiting": 0, "received": 0, "finished": 0, "busy": 0, "slots": 4}
    return Look(at=at, **{**usual, **fields})  # type: ignore[arg-type]  # whole numbers where they belong


def test_an_idle_worker_works() -> None:
    judge = Judge(LEASE)
    assert [judge.judge(_look(at)) for at in (0, 100, 10_000)] == ["", "", ""]


def test_an_event_loop_that_stands_still_does_not() -> None:
    judge = Judge(LEASE)
    assert judge.judge(_look(100, looped_at=100 - LOOP_WITHIN)) == ""
    assert "not turned for 16 s" in judge.judge(_look(100, looped_at=84))


def test_tasks_that_wait_and_are_not_taken_are_found_out() -> None:
    judge = Judge(LEASE)
    assert judge.judge(_look(0, waiting=3)) == ""
    assert judge.judge(_look(TAKEN_WITHIN, waiting=3)) == ""
    assert "3 tasks wait, and none was received for 31 s" in judge.judge(_look(TAKEN_WITHIN + 1, waiting=3))
    # It takes one after all.
    assert judge.judge(_look(TAKEN_WITHIN + 2, waiting=3, received=1)) == ""


def test_a_queue_that_is_never_empty_is_no_fault_of_a_worker_that_takes_from_it() -> None:
    judge = Judge(LEASE)
    assert {judge.judge(_look(at, waiting=1000, received=at)) for at in range(200)} == {""}


def test_a_busy_worker_need_not_take_anything_until_its_tasks_hang() -> None:
    judge = Judge(LEASE)
    assert judge.judge(_look(0, waiting=50, busy=4)) == ""
    assert judge.judge(_look(LEASE, waiting=50, busy=4)) == ""
    assert "all 4 slots are taken" in judge.judge(_look(LEASE + 1, waiting=50, busy=4))
    assert judge.judge(_look(LEASE + 2, waiting=50, busy=4, finished=1)) == ""


def test_a_sign_and_why_it_is_withheld(tmp_path: Path) -> None:
    heartbeat = Heartbeat(tmp_path / "alive")
    assert (heartbeat.age(), heartbeat.why()) == (None, "")
    heartbeat.give()
    os.utime(tmp_path / "alive", (time.time() - 50, time.time() - 50))
    heartbeat.withhold("the broker\n is away")
    assert heartbeat.why() == "the broker is away"
    age = heartbeat.age()
    assert age is not None
    assert 49 < age < 120, "to withhold a sign gives none"
    heartbeat.give()
    assert heartbeat.why() == ""
    assert (tmp_path / "alive").stat().st_mode & 0o777 == 0o600


def test_a_sign_that_nobody_asked_for_is_not_given(tmp_path: Path) -> None:
    nobody = Heartbeat.from_environment({})
    nobody.give()
    nobody.withhold("x")
    assert (nobody.age(), nobody.why()) == (None, "")


def test_a_disk_that_takes_no_sign_ends_nothing(tmp_path: Path) -> None:
    heartbeat = Heartbeat(tmp_path / "missing" / "alive")
    heartbeat.give()
    heartbeat.withhold("x")
    assert heartbeat.age() is None


def test_systemd_hears_each_sign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "n"))
        systemd.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "n"))
        Heartbeat(tmp_path / "alive").give()
        assert systemd.recv(100) == b"READY=1\nWATCHDOG=1"
    Heartbeat(tmp_path / "alive").give()  # nobody listens any more


def test_labels_stay_within_their_bound() -> None:
    bounded = Bounded(most=3)
    seen = {bounded("aws", f"api{number % 10}") for number in range(100)}
    assert seen == {("aws", "api0"), ("aws", "api1"), ("aws", "api2"), ("other", "other")}


def test_a_bound_may_be_asked_by_several_threads() -> None:
    bounded = Bounded(most=5)
    seen: set[tuple[str, ...]] = set()

    def ask(start: int) -> None:
        for number in range(start, start + 50):
            seen.add(bounded(str(number)))

    threads = [threading.Thread(target=ask, args=[start]) for start in range(0, 200, 50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # Two that come at the same moment may both be let in; a thread each at the most.
    assert len(seen) <= 5 + len(threads)
