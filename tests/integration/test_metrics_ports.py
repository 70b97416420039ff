"""The ports on which the processes of `finfleet up` show metrics: theirs alone, the same at each start."""

import json
import socket
from pathlib import Path

import pytest

from workers.embedded.ports import LOOPBACK, free_port
from workers.local.files import StateFiles
from workers.local.metrics import MetricsPorts, PortTaken

_NAMES = ("ingest", "plan", "beat")


@pytest.fixture
def files(tmp_path: Path) -> StateFiles:
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    return StateFiles(state)


def _listening(port: int = 0) -> socket.socket:
    thief = socket.socket()
    thief.bind((LOOPBACK, port))
    thief.listen()
    return thief


def test_each_has_one_of_its_own_and_the_next_run_has_the_same(files: StateFiles) -> None:
    ports = MetricsPorts(files)
    ports.assign(_NAMES)
    assert len({ports.port(name) for name in _NAMES}) == 3
    ports.add("flower", "127.0.0.1:5555")
    assert json.loads(files.prometheus.read_text())[-1] == {
        "targets": ["127.0.0.1:5555"],
        "labels": {"process": "flower"},
    }
    again = MetricsPorts(files)
    again.assign([*_NAMES, "collect.aws"])
    assert [again.port(name) for name in _NAMES] == [ports.port(name) for name in _NAMES]


def test_one_that_was_taken_meanwhile_is_left_to_its_thief(files: StateFiles) -> None:
    ports = MetricsPorts(files)
    ports.assign(_NAMES)
    taken = ports.port("plan")
    with _listening(taken):
        other = ports.port("plan")
        assert other != taken
        assert f"127.0.0.1:{other}" in files.prometheus.read_text()
        again = MetricsPorts(files)
        again.assign(_NAMES)
        assert again.port("plan") == other
    ports.remove()
    assert not files.prometheus.exists()


def test_ports_that_somebody_asks_for_follow_one_another_and_are_had_or_named(files: StateFiles) -> None:
    with _listening() as thief:
        taken = thief.getsockname()[1]
        with pytest.raises(PortTaken, match=rf"port {taken} of 127\.0\.0\.1, for the metrics of ingest, is in use"):
            MetricsPorts(files, taken).assign(_NAMES)
    with pytest.raises(PortTaken, match="no port 65536, for the metrics of plan"):
        MetricsPorts(files, 65_535).assign(_NAMES)
    base = free_port()
    ports = MetricsPorts(files, base)
    ports.assign(("ingest",))
    assert ports.addresses == {"ingest": f"127.0.0.1:{base}"}


@pytest.mark.parametrize("kept", ["", "[]", '{"plan": "x", "beat": 99999999, "ingest": -1}', "{"])
def test_what_cannot_be_read_of_the_last_run_is_chosen_anew(files: StateFiles, kept: str) -> None:
    files.metrics_ports.write_text(kept)
    ports = MetricsPorts(files)
    ports.assign(_NAMES)
    assert ports.addresses.keys() == set(_NAMES)
