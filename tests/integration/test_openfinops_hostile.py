"""Answers that the client of OpenFinOps must survive: with an error of its own kinds, in bounded time and memory."""

import random
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator

import httpx
import pytest
import zstandard

from agents.destinations.openfinops.client import OpenFinOpsClient
from agents.destinations.openfinops.shape import Telemetry, agent_of, telemetry_of
from telemetry.errors import ForwardError, ForwardInvalid, ForwardRefused, ForwardRejected, ForwardRetry
from tests.support.outbox import EC2, make_batch
from tests.support.raw_http import RawServer, Script, answer

TELEMETRY = telemetry_of(make_batch(), "host")
OK = b'{"status": "success"}'


def _error(script: Script | bytes, timeout: float = 5) -> ForwardError | None:
    """What leaves the client; fails where it is anything but the two kinds."""
    with RawServer(script) as server, OpenFinOpsClient(f"http://127.0.0.1:{server.port}", timeout=timeout) as client:
        try:
            client.ingest(TELEMETRY)
        except (ForwardRetry, ForwardRejected) as error:
            return error
    return None


@pytest.mark.parametrize(
    "body",
    [
        b'{"status": "\xff\xfe"}',
        b'{"a": ' + b"[" * 30_000,
        b'{"a": ' + b"[" * 5000 + b"]" * 5000 + b"}",
        b'{"a": ' + b"9" * 60_000 + b"}",
        b'{"a": 1e' + b"9" * 60_000 + b"}",
        b'{"a": "\\ud800"}x',
        b'{"a": "' + b"x" * 1_000_000,
        b"{" * 70_000,
        b"",
    ],
)
@pytest.mark.parametrize("status", ["200 OK", "400 Bad Request", "404 Not Found", "503 Service Unavailable"])
def test_a_body_that_is_no_json_is_an_answer_like_others(body: bytes, status: str) -> None:
    kind = ForwardRefused if status.startswith("400") else ForwardRetry
    assert type(_error(answer(body, status=status))) is kind


@pytest.mark.parametrize(
    "head",
    [
        b"SSH-2.0-OpenSSH_9.9\r\n\r\n",
        b"HTTP/1.1 000 Nothing\r\n\r\n",
        b"HTTP/1.1 " + b"2" * 70_000 + b" OK\r\n\r\n",
        b"HTTP/1.1 200 " + b"\xff\x00\x1b[2J" + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-\xff: \xfe\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"F" * 30 + b"\r\n",
        b"HTTP/1.1 307 Go\r\nLocation: http://[::1\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 307 Go\r\nLocation: //\xff\xfe:99999999/\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nSet-Cookie: " + b"=;" * 20_000 + b"\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    ],
)
def test_a_head_that_no_library_expects_is_a_retry(head: bytes) -> None:
    assert isinstance(_error(head), ForwardRetry)


@pytest.mark.parametrize(
    "value",
    [
        "9" * 50_000,
        "-1",
        "\xb2",
        "Mon, 99 Jan 99999999999 99:99:99 +9999999999",
        "Fri, 31 Dec 9999 23:59:59 -2359",
        "Mon, 01 Jan 0001 00:00:00 +2359",
        "Mon, 01 Jan",
        ",",
        "1" * 30 + " Jan 2026 00:00:00 GMT",
    ],
)
def test_an_absurd_wait_is_bounded(value: str) -> None:
    error = _error(answer(b"", "text/plain", f"Retry-After: {value}", status="429 Too Many"))
    assert isinstance(error, ForwardRetry)
    assert error.retry_after is not None
    assert 0 <= error.retry_after <= 3600


def _zeros(encoding: str) -> bytes:
    """200 MB of them."""
    piece = b"0" * 1_000_000
    if encoding == "zstd":
        packer = zstandard.ZstdCompressor(level=1).compressobj()
        return b"".join(packer.compress(piece) for _ in range(200)) + packer.flush()
    inflater = zlib.compressobj(9, zlib.DEFLATED, 31 if encoding == "gzip" else 15)
    return b"".join(inflater.compress(piece) for _ in range(200)) + inflater.flush()


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd", "br", "gzip, gzip", "identity", "\xff"])
def test_a_bomb_is_not_unpacked(encoding: str) -> None:
    # What cannot be read is never read: any bytes do for it.
    packed = _zeros(encoding) if encoding in {"gzip", "deflate", "zstd"} else b"0" * 1_000_000
    body = answer(packed, "application/json", f"Content-Encoding: {encoding}")
    tracemalloc.start()
    error = _error(body)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert isinstance(error, ForwardRetry)
    assert peak < 10_000_000, f"{peak} bytes for {len(packed)}"


@pytest.mark.parametrize(("encoding", "form"), [("gzip", 31), ("deflate", 15)])
def test_a_small_answer_that_is_packed_unasked_is_understood(encoding: str, form: int) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, form)
    packed = packer.compress(OK) + packer.flush()
    asked: list[str] = []

    def script(head: str) -> list[bytes]:
        asked.append(head)
        return [answer(packed, "application/json", f"Content-Encoding: {encoding}")]

    assert _error(script) is None
    assert "accept-encoding: identity" in asked[0].lower()


def _endless(first: bytes, piece: bytes, pause: float = 0.0) -> Callable[[str], Iterator[bytes]]:
    def script(_: str) -> Iterator[bytes]:
        yield first
        while True:
            yield piece
            time.sleep(pause)  # a server that drips: this is the fault, no waiting for anything

    return script


HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    "script",
    [
        _endless(HEAD, b"X-A: b\r\n"),
        _endless(HEAD + b"X-", b"a", 0.02),
        _endless(HEAD, b"X: y\r\n", 0.02),
        _endless(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n", 0.001),
        _endless(HEAD + b"\r\n", b"x" * 65_536),
        _endless(HEAD + b"\r\n", b" ", 0.02),
        _endless(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1;" + b"x" * 1000 + b"\r\n \r\n", 0.02),
        _endless(HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n", 0.02),
    ],
)
def test_an_answer_without_an_end_ends(script: Script) -> None:
    started = time.monotonic()
    assert isinstance(_error(script, timeout=0.5), ForwardRetry)
    assert time.monotonic() - started < 5


def test_a_server_that_reads_nothing_is_given_up() -> None:
    held: list[object] = []

    def script(_: str) -> Iterator[bytes]:
        held.append(done.wait(20))
        yield b""

    done = threading.Event()
    large = Telemetry("k", "a", "h", "p", "r", 0, {"x": "y" * 30_000_000}, [])
    with RawServer(script) as server, OpenFinOpsClient(f"http://127.0.0.1:{server.port}", timeout=0.5) as client:
        started = time.monotonic()
        with pytest.raises(ForwardRetry, match="no answer in time"):
            client.ingest(large)
        assert time.monotonic() - started < 5
        done.set()


def test_what_a_page_says_of_itself_is_one_short_line() -> None:
    def script(head: str) -> list[bytes]:
        if head.startswith("GET"):
            return [answer(b'{"status": "healthy", "version": "\\u001b[2J\\n' + b"9" * 10_000 + b'"}')]
        return [answer(b"", status="404 Not Found")]

    error = _error(script)
    assert "answers as a healthy server of version [2J 999" in str(error)
    assert len(str(error)) < 1000


def test_no_cookie_is_kept() -> None:
    with (
        RawServer(answer(OK, "application/json", "Set-Cookie: a=b; Path=/")) as server,
        OpenFinOpsClient(f"http://127.0.0.1:{server.port}") as client,
    ):
        client.ingest(TELEMETRY)
        client.ingest(TELEMETRY)
    assert not [head for head in server.requests if "cookie" in head.lower()]


@pytest.mark.parametrize("value", [float("nan"), "\ud800", {"a": object()}, [[]], {1j: 1}], ids=lambda _: "x")
def test_what_cannot_be_written_is_rejected_unsent(value: object) -> None:
    nested: list[object] = []
    for _ in range(100_000):
        nested = [nested]
    telemetry = Telemetry("k", "a", "h", "p", "r", 0, {"x": nested if value == [[]] else value}, [])
    with (
        RawServer(answer(OK)) as server,
        OpenFinOpsClient(f"http://127.0.0.1:{server.port}") as client,
        pytest.raises(ForwardRejected),
    ):
        client.ingest(telemetry)
    assert server.requests == []


def _hostile(chance: random.Random) -> bytes:
    """An answer with something wrong in any of its places."""
    junk = chance.randbytes(chance.choice([1, 10, 300, 5000]))
    status = chance.choice([b"200", b"201", b"204", b"400", b"401", b"404", b"429", b"503", b"999", b"042", junk[:3]])
    lines = [b"HTTP/1.1 " + status + b" " + chance.choice([b"OK", junk[:20]])]
    for name in (b"Content-Type", b"Retry-After", b"Location", b"Content-Encoding", b"Set-Cookie", junk[:8]):
        if chance.random() < 0.4:
            values = [b"gzip", b"zstd", b"deflate", b"text/html", b"9" * 400, b"Mon, 01 Jan 2026", b"[", junk[:100]]
            lines.append(name + b": " + chance.choice(values))
    body = chance.choice(
        [b"", b"{}", OK, b'{"error": "x"}', junk, b"[" * 9000, b'{"a":' * 9000, b"null", b'{"error": 1}']
    )
    if chance.random() < 0.7:
        lines.append(b"Content-Length: " + chance.choice([b"%d" % len(body), b"%d" % (len(body) + 5), b"-1", junk[:4]]))
    text = b"\r\n".join([*lines, b"", b""]) + body
    if chance.random() < 0.3:
        place = chance.randrange(len(text))
        text = text[:place] + junk[:20] + text[place + chance.randrange(20) :]
    return text[: chance.randrange(len(text))] if chance.random() < 0.1 else text


def test_nothing_leaves_the_client_but_its_own_kinds() -> None:
    chance = random.Random(20261127)
    replies: list[bytes] = []
    with (
        RawServer(lambda _: [replies[-1]]) as server,
        OpenFinOpsClient(f"http://127.0.0.1:{server.port}", timeout=2) as client,
    ):
        kinds: set[type] = set()
        said: list[str] = []
        for number in range(600):
            replies.append(_hostile(chance))
            try:
                client.forget_agents()
                client.register(agent_of(EC2, "host"))
                client.ingest(TELEMETRY)
            except (ForwardRetry, ForwardRejected) as error:
                kinds.add(type(error))
                said.append(str(error))
            except Exception as error:  # noqa: BLE001 - this is what must not be
                pytest.fail(f"answer {number}, {replies[-1]!r}: {error!r}")
    assert kinds == {ForwardRetry, ForwardRefused, ForwardInvalid}
    assert all(text.isprintable() and len(text) < 1000 for text in said)


@pytest.mark.parametrize("fault", [ValueError("x"), AttributeError("x"), httpx.InvalidURL("x"), RecursionError()])
def test_a_fault_of_a_library_is_a_retry(fault: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise fault

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", fail)
    with OpenFinOpsClient("http://127.0.0.1:1") as client, pytest.raises(ForwardRetry):
        client.ingest(TELEMETRY)
