"""OpenFinOps is away from an agent that runs alone: for an hour, within the bound and past it."""

import os
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import zstandard

from agents.core.context import Shared, utc_now
from agents.core.service import find
from agents.destinations.openfinops import destination as openfinops_destination
from agents.destinations.openfinops.client import OpenFinOpsClient
from agents.destinations.openfinops.destination import OpenFinOps
from agents.destinations.openfinops.shape import Telemetry, telemetry_of
from agents.standalone.collecting import Collecting
from agents.standalone.sending import Sending
from agents.standalone.settings import targets
from agents.standalone.spool import Spool
from emulators.aws import LocalAws
from emulators.openfinops import OpenFinOpsServer
from telemetry.batch import Batch
from telemetry.codec import encode
from telemetry.settings import Settings
from telemetry.target import floor_time, format_time
from tests.support.openfinops import rows
from tests.support.pipeline import KEYS, REGIONS, small_aws
from tests.support.scripted_http import OK, Reply, ScriptedServer

FIVE = timedelta(minutes=5)


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    with small_aws(4, hours_back=3) as (running, _):
        yield running


class _Alone:
    """The parts of the program, on a clock of the test's own."""

    def __init__(self, aws: LocalAws, url: str, directory: Path) -> None:
        section = {
            "access_key_id": KEYS["AWS_ACCESS_KEY_ID"],
            "secret_access_key": KEYS["AWS_SECRET_ACCESS_KEY"],
            "regions": list(REGIONS),
            "services": ["ec2"],
            "endpoints": dict.fromkeys(("ec2", "cloudwatch", "pricing", "sts"), aws.url),
        }
        self.settings = Settings.model_validate({"aws": section, "collect": {"deadline": 60}})
        self.url = url
        self.directory = directory
        self.now = floor_time(utc_now(), FIVE) - timedelta(minutes=100)
        self.max_bytes = 10_000_000
        self.start()

    def start(self) -> None:
        """As a new process does."""
        self.spool = Spool(self.directory, self.max_bytes)
        self.client = OpenFinOpsClient(self.url)
        self.sending = Sending(self.spool, OpenFinOps(self.client))
        shared = Shared(self.settings, now=lambda: self.now)
        self.collecting = Collecting(shared, targets(self.settings, "aws"), self.spool)

    def end(self) -> None:
        self.client.close()
        self.spool.close()

    def five_minutes(self) -> None:
        self.now += FIVE
        assert self.collecting.due() == 0
        self.sending.drain()


def _starts(events: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    """The beginnings of the windows that arrived, by target, in order."""
    found: dict[str, list[str]] = {}
    for event in events:
        found.setdefault(event["target"], []).append(event["window_start"])
    return found


def _windows(first: datetime, count: int) -> list[str]:
    return [format_time(first + number * FIVE) for number in range(count)]


def test_after_an_hour_nothing_is_lost_and_the_order_is_kept(aws: LocalAws, tmp_path: Path) -> None:
    with OpenFinOpsServer(tmp_path / "openfinops") as server:
        server.stop()
        alone = _Alone(aws, server.url, tmp_path / "spool")
        delay = find("aws", "ec2").delay
        # The window that had just closed at the start, and those of the hour.
        expected = _windows(floor_time(alone.now - delay, FIVE) - FIVE, 13)
        for tick in range(12):
            alone.five_minutes()
            if tick == 6:  # and it was started again in between
                alone.end()
                alone.start()
        assert len(alone.spool) == 2 * 13
        assert alone.sending.sent == 0

        server.start()
        alone.sending.drain()

        assert len(alone.spool) == alone.spool.dropped == 0
        assert _starts(event for row in rows(server) for event in row["events"]) == {
            f"aws/default/{region}/ec2": expected for region in REGIONS
        }
        alone.end()


@pytest.fixture
def alone(aws: LocalAws, server: ScriptedServer, tmp_path: Path) -> Iterator[_Alone]:
    alone = _Alone(aws, server.url, tmp_path / "spool")
    yield alone
    alone.end()


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as server:
        yield server


def _received(server: ScriptedServer) -> dict[str, list[str]]:
    return _starts(event for request in server.ingests() for event in request.body["events"])


def test_past_the_bound_the_oldest_are_lost_and_counted_and_the_order_is_kept(
    alone: _Alone, server: ScriptedServer
) -> None:
    server.script = lambda _: Reply(503)
    alone.end()
    alone.max_bytes = 12_000
    alone.start()
    for _ in range(12):
        alone.five_minutes()
    kept = len(alone.spool)
    assert 2 < kept < 26
    assert alone.spool.dropped == 26 - kept

    server.script = lambda _: OK
    alone.sending.drain()

    received = _received(server)
    assert sum(map(len, received.values())) == kept
    assert all(starts == sorted(starts) for starts in received.values())
    newest = max(start for starts in received.values() for start in starts)
    assert all(starts[-1] == newest for starts in received.values())


def test_what_was_missed_while_the_program_was_down_is_made_up_for(alone: _Alone, server: ScriptedServer) -> None:
    alone.five_minutes()
    alone.end()
    alone.now += timedelta(minutes=45)
    alone.start()
    assert alone.collecting.due() == 0
    alone.sending.drain()
    received = _received(server)
    assert {len(starts) for starts in received.values()} == {2 + 9}
    for starts in received.values():
        assert starts == _windows(datetime.fromisoformat(starts[0]), len(starts))


def test_a_record_that_cannot_be_stored_costs_its_own_window_only(
    alone: _Alone, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half_a_character(message: Batch) -> bytes:
        if message.run.target.region == "us-west-2":
            message.resources[0].tags["Name"] = "\ud800"
        return encode(message)

    monkeypatch.setattr("agents.core.collection.encode", half_a_character)
    alone.now += FIVE
    assert alone.collecting.due() == 1
    alone.sending.drain()
    assert _received(server).keys() == {f"aws/default/{region}/ec2" for region in REGIONS if region != "us-west-2"}


def test_a_batch_that_never_will_be_taken_holds_up_no_other(alone: _Alone, server: ScriptedServer) -> None:
    server.script = lambda request: Reply(422) if "us-east-1" in str(request.body) and request.key else OK
    alone.five_minutes()
    assert (alone.sending.sent, alone.sending.rejected) == (2, 2)
    assert len(alone.spool) == 0
    aside = alone.directory / "set-aside"
    assert len(list(aside.glob("*.batch"))) == 2
    assert all("422 Unprocessable" in path.read_text() for path in aside.glob("*.reason"))


def test_of_the_last_ones_that_are_refused_the_next_that_is_taken_tells(alone: _Alone, server: ScriptedServer) -> None:
    server.script = lambda request: Reply(422) if "us-west-2" in str(request.body) and request.key else OK
    alone.five_minutes()
    assert (alone.sending.sent, alone.sending.rejected, len(alone.spool)) == (2, 0, 2)
    alone.five_minutes()
    assert (alone.sending.sent, alone.sending.rejected, len(alone.spool)) == (3, 1, 2)
    alone.five_minutes()
    assert (alone.sending.sent, alone.sending.rejected, len(alone.spool)) == (4, 2, 2)


@pytest.mark.parametrize("everything", [True, False])
@pytest.mark.parametrize("body", [b"<html>Bad Request</html>", b'{"error": "Bad Request"}', b"", b"\xff"])
def test_a_proxy_that_refuses_everything_costs_nothing(
    alone: _Alone, server: ScriptedServer, body: bytes, everything: bool
) -> None:
    server.script = lambda request: Reply(400, body) if everything or request.key else OK
    alone.five_minutes()
    # Where registrations pass and each refusal looks like OpenFinOps's own, the first is believed.
    believed = 0 if everything or b"error" not in body else 1
    for _ in range(6):
        alone.five_minutes()
        before = len(server.ingests())
        alone.sending.drain()
        assert len(server.ingests()) - before <= 3, "a few requests, however many wait"
    assert alone.sending.rejected == believed
    assert len(alone.spool) == 16 - believed

    server.script = lambda _: OK
    server.requests.clear()
    alone.sending.drain()
    received = _received(server)
    assert len(alone.spool) == 0
    assert sum(map(len, received.values())) == 16 - believed
    assert all(starts == sorted(starts) for starts in received.values())


def test_what_is_wrong_in_the_spool_is_set_aside_and_the_rest_is_sent(alone: _Alone, server: ScriptedServer) -> None:
    server.script = lambda _: Reply(503)
    alone.five_minutes()
    alone.end()
    names = sorted(path.name for path in alone.directory.glob("*.batch"))
    nest = zstandard.compress(b"\x91" * 100_000)
    contents = [b"", b"\xff" * 100, b"FF\x02" + nest, b"FF\x02" + zstandard.compress(b"\0" * 200_000_000)]
    for number, content in enumerate(contents, 1000):
        (alone.directory / f"{number:020d}.batch").write_bytes(content)
    (alone.directory / f"{2000:020d}.batch").mkdir()
    (alone.directory / f"{2001:020d}.batch").symlink_to("/etc/passwd")
    (alone.directory / f"{2002:020d}.batch").symlink_to("nowhere")
    os.mkfifo(alone.directory / f"{2003:020d}.batch")
    (alone.directory / "9.batch").write_bytes(b"?")
    (alone.directory / "x.staged").mkdir()
    (alone.directory / "collected.json").write_text("[" * 100_000)
    alone.start()
    server.script = lambda _: OK
    assert alone.sending.drain() is None
    assert len(_received(server)) == 2
    assert alone.sending.sent == len(names)
    assert len(alone.spool) == 0
    aside = {path.stem for path in (alone.directory / "set-aside").glob("*.reason")}
    assert aside == {f"{number:020d}" for number in (*range(1000, 1004), *range(2000, 2004))} | {"9"}


def test_a_fault_over_one_batch_is_that_batchs_own(
    alone: _Alone, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half_a_fault(batch: Batch, host: str) -> Telemetry:
        if batch.run.target.region == "us-east-1":
            raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "x")
        return telemetry_of(batch, host)

    monkeypatch.setattr(openfinops_destination, "telemetry_of", half_a_fault)
    alone.five_minutes()
    for _ in range(10):
        alone.sending.drain()
    assert (alone.sending.sent, alone.sending.rejected, len(alone.spool)) == (2, 2, 0)
