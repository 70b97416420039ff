"""OTLP over HTTP on the wire: what each answer of a server means."""

import logging
import pickle
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsPartialSuccess

from storage import outbox
from storage.database import Database
from telemetry.batch import Points
from telemetry.errors import (
    ConfigError,
    ForwardError,
    ForwardInvalid,
    ForwardRejected,
    ForwardRetry,
)
from tests.support.forwarding import forwarding, nothing_waits
from tests.support.otlp import PROTOBUF, TAKEN, decoded, otlp, partial, points
from tests.support.outbox import EC2, add_target, make_batch, put, states, windows
from tests.support.scripted_http import Reply, Request, ScriptedServer
from tests.support.waiting import until

_CANARY = "canary-otlp-4Kx9-key"
# Status has its message where a partial success has it.
_STATUS = ExportMetricsPartialSuccess(rejected_data_points=3, error_message="out of order").SerializeToString()
_BAD = Reply(400, _STATUS, PROTOBUF)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer(lambda _: TAKEN) as server:
        yield server


@pytest.mark.parametrize("end", ["", "/", "/v1/metrics"])
def test_the_path_is_added_where_it_is_missing(server: ScriptedServer, end: str) -> None:
    with otlp(server.url + end) as destination:
        destination.send(make_batch())
    assert len(points(decoded(server.requests[0]))) == 3


def test_the_same_batch_is_the_same_bytes(server: ScriptedServer) -> None:
    batch = make_batch()
    with otlp(server.url) as destination:
        destination.send(batch)
        destination.send(batch)
    first, second = server.requests
    assert first.raw == second.raw


@pytest.mark.parametrize(
    ("reply", "error", "wait"),
    [
        (Reply(429, b"", {"Retry-After": "3"}), ForwardRetry, 3.0),
        (Reply(429), ForwardRetry, 5.0),
        (Reply(503, _STATUS, {**PROTOBUF, "Retry-After": "7"}), ForwardRetry, 7.0),
        (Reply(503), ForwardRetry, None),
        (Reply(502), ForwardRetry, None),
        (Reply(504), ForwardRetry, None),
        (Reply(302, b"", {"Location": "https://elsewhere.example/"}), ForwardRetry, 60.0),
        (Reply(401), ForwardRetry, 60.0),
        (Reply(404), ForwardRetry, 60.0),
        (Reply(200, b"<html>log in</html>", {"Content-Type": "text/html"}), ForwardRetry, 60.0),
        (_BAD, ForwardRejected, None),
        (Reply(400, b"bad", {"Content-Type": "text/plain"}), ForwardInvalid, None),
        (Reply(413), ForwardInvalid, None),
        (Reply(500, _STATUS, PROTOBUF), ForwardInvalid, None),
    ],
)
def test_what_an_answer_means(
    server: ScriptedServer, reply: Reply, error: type[ForwardError], wait: float | None
) -> None:
    server.script = lambda _: reply
    with otlp(server.url) as destination, pytest.raises(error) as raised:
        destination.send(make_batch())
    assert type(raised.value) is error
    assert getattr(raised.value, "retry_after", None) == wait
    if reply.body == _STATUS:
        assert "out of order" in str(raised.value)
    assert len(server.requests) == 1


def test_an_empty_answer_and_an_unreadable_one_are_taken(server: ScriptedServer) -> None:
    with otlp(server.url) as destination:
        for reply, remark in (
            (Reply(200, b"", {}), ""),
            (Reply(200, b"\xff\xff", PROTOBUF), "taken, with an answer that cannot be read"),
            (partial(0, "old names"), "the server warns: old names"),
            (partial(2, "too old\x1b[31m"), "the server rejects 2 of 3 data points: too old [31m"),
        ):
            server.script = lambda _, reply=reply: reply  # type: ignore[misc]  # bound here for this turn
            assert destination.send(make_batch()) == remark


def test_a_batch_without_figures_is_not_sent(server: ScriptedServer) -> None:
    batch = msgspec.structs.replace(make_batch(prices=[None]), points=Points([], [], []))
    with otlp(server.url) as destination:
        assert destination.send(batch) == ""
    assert server.requests == []


def test_what_a_partial_success_rejects_is_told_and_not_sent_again(database: Database, server: ScriptedServer) -> None:
    answers = iter([partial(1, "too old"), partial(3, "all too old"), TAKEN])
    server.script = lambda _: next(answers)
    with database.connection() as connection:
        target = add_target(connection, EC2)
        ids = [put(connection, target, make_batch(window=window)) for window in windows(3)]
        with otlp(server.url) as destination, forwarding(database, destination):
            until(lambda: nothing_waits(database), 30)
        assert states(connection) == dict(zip(ids, ("sent", "dead", "sent"), strict=True))
        row = connection.execute(b"SELECT error FROM finfleet.outbox WHERE outbox_id = %s", [ids[0]]).fetchone()
        assert row == ("the server rejects 1 of 3 data points: too old",)
        (dead,) = outbox.dead_entries(connection)
    assert dead.error == "the server rejects 3 of 3 data points: all too old"
    assert len(server.requests) == 3


def test_a_bad_request_is_dead_at_once_and_those_behind_go_on(database: Database, server: ScriptedServer) -> None:
    answers = iter([_BAD, TAKEN])
    server.script = lambda _: next(answers)
    with database.connection() as connection:
        target = add_target(connection, EC2)
        ids = [put(connection, target, make_batch(window=window)) for window in windows(2)]
        with otlp(server.url) as destination, forwarding(database, destination):
            until(lambda: nothing_waits(database), 30)
        assert states(connection) == dict(zip(ids, ("dead", "sent"), strict=True))
    assert len(server.requests) == 2


def test_a_refusal_in_another_form_is_judged_by_an_empty_request(database: Database, server: ScriptedServer) -> None:
    def script(request: Request) -> Reply:
        return Reply(400, b"no", {"Content-Type": "text/plain"}) if decoded(request).resource_metrics else TAKEN

    server.script = script
    with database.connection() as connection:
        put(connection, add_target(connection, EC2), make_batch())
        with otlp(server.url) as destination, forwarding(database, destination):
            until(lambda: nothing_waits(database), 30)
        assert set(states(connection).values()) == {"dead"}
    assert len(server.requests) == 2


def test_headers_are_sent_and_show_nowhere(server: ScriptedServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    server.script = lambda _: Reply(400, f"you are {_CANARY}".encode(), {"Content-Type": "text/plain"})
    with otlp(server.url, headers={"Authorization": f"Bearer {_CANARY}"}) as destination:
        texts = [repr(destination), destination.label]
        try:
            destination.send(make_batch())
        except ForwardError as error:
            texts += [str(error), repr(pickle.dumps(error)), "".join(traceback.format_exception(error))]
    assert server.requests[0].headers["Authorization"] == f"Bearer {_CANARY}"
    ours = [record.getMessage() for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))]
    assert _CANARY not in "\n".join([*texts, *ours])


@pytest.mark.parametrize("value", ["", f"{_CANARY}\n", f"{_CANARY}\u0663", f" {_CANARY}"])
def test_a_header_that_cannot_be_one_is_refused_unseen(value: str) -> None:
    with pytest.raises(ConfigError, match=r"headers\.api-key: it is empty, or holds") as raised:
        otlp("https://collector.example", headers={"api-key": value})
    assert _CANARY not in str(raised.value)


@pytest.mark.parametrize("name", ["Content-Type", "Host", "Accept", "user-agent", "a b", "x:y"])
def test_a_header_of_ours_is_not_theirs(name: str) -> None:
    with pytest.raises(ValueError, match="no name of a header that may be set"):
        otlp("https://collector.example", headers={name: "x"})


def test_the_extra_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    for name in [name for name in sys.modules if name.startswith(("agents.destinations.otlp.", "opentelemetry."))]:
        if not name.endswith(("settings", "kind")):
            monkeypatch.delitem(sys.modules, name)
    with pytest.raises(ConfigError, match=r"destinations\.metrics: .*(\n.*)*pip install 'finfleet\[otlp\]'"):
        otlp("https://collector.example")


def test_the_configuration_is_read_without_protobuf_or_an_http_client() -> None:
    code = (
        "import sys; from telemetry.settings import Settings;"
        "Settings.model_validate({'destinations': {'m': {'kind': 'otlp', 'endpoint': 'https://x.example'}}});"
        "print([name for name in sys.modules if name.split('.')[0] in {'opentelemetry', 'google', 'httpx'}])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]
    )
    assert done.stdout.strip() == "[]"
