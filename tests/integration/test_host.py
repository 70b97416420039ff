"""The host source on the machine that runs the test."""

import socket
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from agents.core.context import Shared
from agents.core.service import find
from agents.generic.host.identity import machine_id
from agents.generic.host.sampler import sampler_of
from telemetry.batch import Outcome
from telemetry.settings import Settings
from telemetry.target import Window
from tests.support.collecting import Collected, collect
from tests.support.waiting import until

TARGET = "generic/default/local/host"
_LENGTH = 4


@pytest.fixture(scope="module")
def watched() -> tuple[Shared, Collected, float]:
    """A window of some seconds, asked for before it began, while a thread burns processor time."""
    shared = Shared(Settings.model_validate({"generic": {}}))
    find("generic", "host").warm_up(shared)
    start = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=2)
    stop = threading.Event()

    def burn() -> None:
        while not stop.is_set():
            sum(range(1000))

    burner = threading.Thread(target=burn)
    burner.start()
    began = time.process_time()
    try:
        collected = collect(shared, TARGET, Window(start, start + timedelta(seconds=_LENGTH)))
    finally:
        stop.set()
        burner.join()
    return shared, collected, time.process_time() - began


def test_an_open_window_is_waited_for(watched: tuple[Shared, Collected, float]) -> None:
    _, collected, _ = watched
    assert collected.error is None
    assert collected.report.outcome is Outcome.COMPLETE
    assert collected.report.finished_at >= collected.report.run.window.end
    assert collected.report.finished_at - collected.report.run.window.end < timedelta(seconds=3)


def test_this_machine_is_measured(watched: tuple[Shared, Collected, float]) -> None:
    _, collected, burned = watched
    points = {point.metric: point for point in collected.points()}
    assert {"cpu_utilization", "memory_utilization", "memory_used", "load_average_1m"} <= points.keys()
    cpus = psutil.cpu_count() or 1
    least = 100 * burned / (_LENGTH + 3) / cpus / 2
    assert least < points["cpu_utilization"].value <= 100
    assert 0 < points["memory_utilization"].value < 100
    assert 0 < points["memory_used"].value < psutil.virtual_memory().total
    if psutil.disk_partitions(all=False):
        assert 0 < points["disk_utilization"].value <= 100
        assert points["disk_utilization"].resource.type.startswith("disk/")
    for name in ("disk_read", "disk_write", "network_in", "network_out"):
        if name in points:
            assert points[name].value >= 0
            assert points[name].period == _LENGTH


def test_the_host_is_described(watched: tuple[Shared, Collected, float]) -> None:
    _, collected, _ = watched
    host = next(one for one in collected.resources if not one.type.startswith("disk/"))
    assert host.key == ("generic", "default", "local", "host", machine_id())
    assert host.name == socket.gethostname()
    assert host.attributes["cpu_count"] == psutil.cpu_count()
    assert host.attributes["memory_total"] == psutil.virtual_memory().total
    assert str(host.attributes["boot_time"]).endswith("Z")


def test_the_machines_own_id_stays_on_it() -> None:
    own = Path("/etc/machine-id")
    if own.exists() and own.read_text(encoding="ascii").strip():
        assert machine_id().startswith(f"{socket.gethostname()}/")
        assert own.read_text(encoding="ascii").strip()[:12] not in machine_id()
    assert machine_id() == machine_id()


def test_the_time_before_the_worker_started_is_empty(watched: tuple[Shared, Collected, float]) -> None:
    shared, _, _ = watched
    old = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    collected = collect(shared, TARGET, Window(old, old + timedelta(minutes=1)))
    assert (collected.report.outcome, collected.batches) == (Outcome.EMPTY, [])


def test_one_thread_reads_the_machine_however_many_ask(watched: tuple[Shared, Collected, float]) -> None:
    shared, _, _ = watched
    assert len({id(sampler_of(shared)) for _ in range(5)}) == 1
    threads = [thread for thread in threading.enumerate() if thread.name == "host-sampler"]
    before = len(threads)
    find("generic", "host").warm_up(shared)
    assert len([thread for thread in threading.enumerate() if thread.name == "host-sampler"]) == before
    assert all(thread.daemon for thread in threads), "it keeps no process alive"


def test_a_reading_that_fails_does_not_end_the_readings(
    watched: tuple[Shared, Collected, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    shared, _, _ = watched
    failed = threading.Event()

    def broken(**_: object) -> None:
        failed.set()
        raise OSError("a driver went away")

    with monkeypatch.context() as patch:
        patch.setattr("agents.generic.host.sampler.take_snapshot", broken)
        assert failed.wait(10)
    now = time.time()
    until(lambda: sampler_of(shared).first_from(now) is not None, what="a reading after the fault")
