"""The client of OpenFinOps against a server on the wire that answers as each test says."""

import logging
import pickle
import socket
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from agents.destinations.openfinops.client import OpenFinOpsClient
from agents.destinations.openfinops.shape import Telemetry, agent_of, telemetry_of
from telemetry.errors import ConfigError, ForwardError, ForwardRejected, ForwardRetry
from tests.support.certificates import self_signed
from tests.support.outbox import EC2, make_batch
from tests.support.scripted_http import OK, Reply, Request, ScriptedServer
from tests.support.waiting import patient, until

_CANARY = "canary-api-key-4711"
_AGENT = agent_of(EC2, "host")


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as server:
        yield server


@pytest.fixture
def client(server: ScriptedServer) -> Iterator[OpenFinOpsClient]:
    with OpenFinOpsClient(server.url, SecretStr(_CANARY), timeout=5) as client:
        yield client


def _telemetry() -> Telemetry:
    return telemetry_of(make_batch(), "host")


def _after(event: threading.Event) -> Callable[[Request], Reply]:
    def script(_: Request) -> Reply:
        event.wait(10)
        return OK

    return script


def test_telemetry_goes_with_key_and_token(server: ScriptedServer, client: OpenFinOpsClient) -> None:
    telemetry = _telemetry()
    client.ingest(telemetry)
    (request,) = server.requests
    assert (request.method, request.path) == ("POST", "/api/v1/telemetry/ingest")
    assert request.key == telemetry.idempotency_key
    assert request.headers["Authorization"] == f"Bearer {_CANARY}"
    assert request.headers["Content-Type"] == "application/json"
    assert request.body["agent_id"] == "finfleet:aws/prod/us-east-1/ec2"


@pytest.mark.parametrize("key", [None, SecretStr("")])
def test_without_a_key_there_is_no_header(server: ScriptedServer, key: SecretStr | None) -> None:
    with OpenFinOpsClient(server.url, key) as client:
        client.ingest(_telemetry())
    assert "Authorization" not in server.requests[0].headers


@pytest.mark.parametrize("path", ["/api/v1/metrics", "/api/v1/telemetry/ingest", "/"])
def test_every_form_of_the_endpoint_reaches_the_api(server: ScriptedServer, path: str) -> None:
    with OpenFinOpsClient(server.url + path) as client:
        client.register(_AGENT)
        client.ingest(_telemetry())
    assert [request.path for request in server.requests] == ["/api/v1/agents/register", "/api/v1/telemetry/ingest"]


def test_an_agent_is_registered_once_until_forgotten(server: ScriptedServer, client: OpenFinOpsClient) -> None:
    for _ in range(3):
        client.register(_AGENT)
    assert len(server.requests) == 1
    assert server.requests[0].body == {
        "agent_id": "finfleet:aws/prod/us-east-1/ec2",
        "hostname": "host",
        "cloud_provider": "aws",
        "region": "us-east-1",
        "config": {"account": "prod", "services": ["ec2"], "cost_tracking": True},
    }
    client.forget_agents()
    client.register(_AGENT)
    assert len(server.requests) == 2


def test_a_failed_registration_is_tried_again(server: ScriptedServer, client: OpenFinOpsClient) -> None:
    server.script = lambda _: Reply(500)
    with pytest.raises(ForwardRetry):
        client.register(_AGENT)
    server.script = lambda _: OK
    client.register(_AGENT)
    assert len(server.requests) == 2


def test_a_lost_connection_may_lead_to_a_new_server_so_agents_register_again(
    server: ScriptedServer, client: OpenFinOpsClient
) -> None:
    client.register(_AGENT)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nowhere = f"http://127.0.0.1:{closed.getsockname()[1]}"
    base, client.base = client.base, nowhere
    with pytest.raises(ForwardRetry, match="refused"):
        client.ingest(_telemetry())
    client.base = base
    client.register(_AGENT)
    assert [request.path for request in server.requests] == ["/api/v1/agents/register"] * 2


def test_a_redirect_is_not_followed_with_the_token(server: ScriptedServer, client: OpenFinOpsClient) -> None:
    with ScriptedServer() as elsewhere:
        server.script = lambda _: Reply(307, headers={"Location": elsewhere.url + "/api/v1/telemetry/ingest"})
        with pytest.raises(ForwardRetry, match="not followed"):
            client.ingest(_telemetry())
        assert elsewhere.requests == []


def test_a_missing_path_is_explained(server: ScriptedServer, client: OpenFinOpsClient) -> None:
    def script(request: Request) -> Reply:
        healthy = Reply(body=b'{"status": "healthy", "version": "9.9"}')
        return healthy if request.path == "/health" else Reply(404, b"<html>", {"Content-Type": "text/html"})

    server.script = script
    with pytest.raises(ForwardRetry) as missing:
        client.ingest(_telemetry())
    text = str(missing.value)
    assert f"POST {server.url}/api/v1/telemetry/ingest: 404 Not Found" in text
    assert f"GET {server.url}/health answers as a healthy server of version 9.9" in text
    assert "openfinops.endpoint" in text
    assert missing.value.retry_after == 60

    server.script = lambda _: Reply(404)
    with pytest.raises(ForwardRetry, match="no telemetry server is there; `openfinops server` shows pages only"):
        client.ingest(_telemetry())


def test_a_slow_answer_is_given_up(server: ScriptedServer) -> None:
    answer = threading.Event()
    server.script = _after(answer)
    with OpenFinOpsClient(server.url, timeout=0.2) as client:
        started = time.monotonic()
        with pytest.raises(ForwardRetry, match="no answer in time"):
            client.ingest(_telemetry())
        assert time.monotonic() - started < patient(3)
        answer.set()


def test_an_answer_that_trickles_is_given_up() -> None:
    """Each byte comes in time, but the whole never does."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        stop = threading.Event()

        def trickle() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1 << 20)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
                try:
                    while not stop.wait(0.05):
                        connection.sendall(b" ")
                except ConnectionError:
                    return

        thread = threading.Thread(target=trickle)
        thread.start()
        client = OpenFinOpsClient(f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=0.5)
        with client, pytest.raises(ForwardRetry, match="no answer in time"):
            client.ingest(_telemetry())
        stop.set()
        thread.join()


def test_a_request_under_way_can_be_broken_off(server: ScriptedServer) -> None:
    answer = threading.Event()
    server.script = _after(answer)
    failures: list[ForwardError] = []
    with OpenFinOpsClient(server.url, timeout=30) as client:

        def ingest() -> None:
            try:
                client.ingest(_telemetry())
            except ForwardError as error:
                failures.append(error)

        thread = threading.Thread(target=ingest)
        thread.start()
        until(lambda: server.requests)
        client.abort()
        thread.join(patient(3))
        assert not thread.is_alive()
        answer.set()
        assert isinstance(failures[0], ForwardRetry)
        server.script = lambda _: OK
        client.ingest(_telemetry())  # it goes on by a new connection


def test_a_certificate_is_checked_and_may_come_from_a_file(tmp_path: Path) -> None:
    certificate = self_signed(tmp_path)
    with ScriptedServer(certificate=certificate) as server:
        with OpenFinOpsClient(server.url, SecretStr(_CANARY)) as client:
            with pytest.raises(ForwardRetry, match="CERTIFICATE_VERIFY_FAILED"):
                client.ingest(_telemetry())
            assert server.requests == []
        with OpenFinOpsClient(server.url, SecretStr(_CANARY), ca_file=str(certificate)) as client:
            client.ingest(_telemetry())
            assert len(server.requests) == 1


def test_a_proxy_of_the_environment_is_not_handed_what_is_for_this_machine(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ScriptedServer() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        with OpenFinOpsClient(server.url, SecretStr(_CANARY)) as client:
            client.ingest(_telemetry())
        assert proxy.requests == []


@pytest.mark.parametrize("key", [f"{_CANARY}\n", f"{_CANARY} x", f"{_CANARY}\u00e9"])
def test_a_key_that_no_header_can_carry_is_refused_unseen(key: str) -> None:
    with pytest.raises(ConfigError, match=r"api_key: .* copy the key again") as refused:
        OpenFinOpsClient("https://example.com", SecretStr(key))
    assert "canary" not in str(refused.value)


def test_a_ca_file_that_is_none_is_named(tmp_path: Path) -> None:
    empty = tmp_path / "ca.pem"
    empty.write_text("nothing")
    for path in (tmp_path / "missing.pem", empty):
        with pytest.raises(ConfigError, match=r"ca_file: .*PEM"):
            OpenFinOpsClient("https://example.com", ca_file=str(path))


def test_the_key_shows_nowhere(
    server: ScriptedServer, client: OpenFinOpsClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    echo = f'{{"error": "bad token {_CANARY}"}}'.encode()
    texts = [repr(client), str(vars(client)["_http"])]
    held: list[object] = []
    for reply in (
        Reply(400, echo),
        Reply(401, echo),
        Reply(404, echo),
        Reply(500, echo),
        Reply(302, echo),
        Reply(200, echo),
    ):
        server.script = lambda _, reply=reply: reply  # type: ignore[misc]  # bound here for this turn
        try:
            client.ingest(_telemetry())
        except ForwardError as error:
            texts += [repr(error), str(error), repr(pickle.dumps(error)), "".join(traceback.format_exception(error))]
            held.append(error.__context__)
    with pytest.raises(ForwardRejected) as rejected:
        client.ingest(Telemetry("k", "a", "h", "p", "r", 0, {"x": float("nan")}, []))
    assert len(texts) == 2 + 6 * 4
    assert held == [None] * 6  # an error of the HTTP library holds the request, and so the key
    for text in [*texts, str(rejected.value), caplog.text]:
        assert "canary" not in text
