"""Answers that a poller must survive: in bounded time and memory, with a clear error, and with no number stored."""

import gzip
import json
import subprocess
import sys
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import zstandard

from agents.core.context import utc_now
from telemetry.batch import Outcome
from telemetry.codec import encode
from telemetry.errors import CollectionError, CollectionFailed, Denied, Throttled, Unavailable
from telemetry.target import format_time
from tests.support.polling import left_out, poll, values
from tests.support.raw_http import RawServer, answer

HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: text/plain\r\n\r\n"
PAGE = b"""# HELP requests_total Requests.
# TYPE requests_total counter
requests_total{method="get",code="200"} 10
requests_total{method="put",code="500"} 2
# TYPE temperature gauge
temperature 21.5
broken NaN
endless +Inf
# TYPE latency histogram
latency_bucket{le="0.5"} 3
latency_bucket{le="+Inf"} 4
latency_sum 1.25
latency_count 4
"""


def _json(value: Any, **fields: Any) -> Any:
    with RawServer(answer(json.dumps(value).encode())) as server:
        return poll(server.url(), **fields)


def _error(script: bytes | Callable[[str], Any], kind: str = "http_json", **fields: Any) -> CollectionError:
    with RawServer(script) as server:
        found = poll(server.url(), kind, **fields)
    assert found.error is not None
    assert found.batches == []
    return found.error


def test_records_of_a_document_become_points() -> None:
    now = utc_now()
    document = {
        "items": [
            {"host": "a", "load": 0.5, "at": format_time(now), "labels": {"zone": "b", "rack": 7}},
            {"host": "b", "load": None},
            {"host": "c", "load": 2, "at": now.timestamp()},
            {"host": "d", "load": 3, "at": format_time(now - timedelta(hours=1))},
        ]
    }
    mapping = {
        "records": "items[?load]",
        "value": "load",
        "metric": "'load_1m'",
        "resource": "host",
        "unit": "'count'",
        "timestamp": "at",
        "tags": "labels",
    }
    found = _json(document, mapping=[mapping, {"records": "items", "value": "length(host)", "metric": "'letters'"}])
    assert found.error is None
    assert values(found) == {("a", "load_1m"): 0.5, ("c", "load_1m"): 2.0, ("probe", "letters"): 1.0}
    assert left_out(found) == 1 + 3  # one of another time, and three more values for one thing
    (point,) = [one for one in found.points("load_1m") if one.resource.resource_id == "a"]
    assert point.resource.tags == {"zone": "b", "rack": "7"}
    assert point.unit == "count"


def test_a_page_of_prometheus_becomes_points() -> None:
    with RawServer(answer(PAGE, "text/plain; version=0.0.4")) as server:
        found = poll(server.url(), "prometheus")
    assert found.error is None
    assert values(found) == {
        ('probe{code="200",method="get"}', "requests_total"): 10,
        ('probe{code="500",method="put"}', "requests_total"): 2,
        ("probe", "temperature"): 21.5,
        ("probe", "latency_bucket"): 4,
        ("probe", "latency_sum"): 1.25,
        ("probe", "latency_count"): 4,
    }
    assert {point.statistic for point in found.points("latency_bucket")} == {"le 0.5", "le +Inf"}
    assert {point.statistic for point in found.points("requests_total")} == {"counter"}
    assert left_out(found) == 2  # NaN and infinity
    assert found.points("samples_taken")[0].value == 7


def test_labels_that_look_alike_are_told_apart() -> None:
    page = b'a{b="c,d=e"} 1\na{b="c",d="e"} 2\na{b="c\\",d=\\"e"} 3\n'
    with RawServer(answer(page, "text/plain")) as server:
        found = poll(server.url(), "prometheus")
    assert sorted(values(found).values()) == [1, 2, 3]
    assert left_out(found) == 0


def test_openmetrics_and_a_choice_of_names() -> None:
    page = b"# TYPE a_bytes gauge\n# UNIT a_bytes bytes\na_bytes 1\n# TYPE b gauge\nb 2\n# EOF\n"
    with RawServer(answer(page, "application/openmetrics-text; version=1.0.0")) as server:
        found = poll(server.url(), "prometheus", include=["a_*"])
    assert values(found) == {("probe", "a_bytes"): 1.0}
    assert found.points("a_bytes")[0].unit == "bytes"


@pytest.mark.parametrize(
    ("encoding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress), ("zstd", zstandard.compress)]
)
def test_packed_answers_are_read(encoding: str, pack: Callable[[bytes], bytes]) -> None:
    packed = pack(b'{"value": 7, "pad": "' + b"x" * 300_000 + b'"}')
    with RawServer(answer(packed, "application/json", f"Content-Encoding: {encoding}")) as server:
        assert values(poll(server.url())) == {("probe", "load"): 7.0}


def test_nan_and_infinity_are_left_out_and_counted() -> None:
    body = b'[{"value": NaN}, {"value": Infinity}, {"value": 1e999}, {"value": 1' + b"0" * 400 + b"}, {}]"
    mapping = [{"records": "@", "value": "value", "metric": "'load'"}]
    with RawServer(answer(body)) as server:
        found = poll(server.url(), mapping=mapping)
    assert found.error is None
    assert values(found) == {}
    assert left_out(found) == 4  # what is not there at all was never a sample


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"\xff\xfe{}", "not UTF-8: invalid start byte at byte 0"),
        (b"", "not JSON"),
        (b"<html>", "not JSON"),
        (b'{"value": "many"}', "mapping[0], record 0: value 'many' is not a number"),
        (b'{"value": true}', "value true is not a number"),
        (b"[" * 100_000, "nests too deep"),
        (b"[" + b"{}," * 2_000_000 + b"{}]", "about 4000002 items: raise max_samples"),
        (b'{"value": [' + b"0," * 500_000 + b"0]}", "value [0, 0, 0, 0, 0, 0"),
    ],
)
def test_a_document_that_does_not_fit_is_an_error_that_says_why(body: bytes, fault: str) -> None:
    error = _error(answer(body))
    assert isinstance(error, CollectionFailed)
    assert fault in str(error)


GOOD = b'{"value": 2, "metric": "good"}'


@pytest.mark.parametrize(
    ("odd", "why"),
    [
        (b'{"value": "many", "metric": "bad"}', "value 'many' is not a number"),
        (b'{"value": true, "metric": "bad"}', "value true is not a number"),
        (b'{"value": {"a": []}, "metric": "bad"}', 'value {"a": []} is not a number'),
        (b'{"value": 1, "metric": null}', "metric null is not a text"),
        (b'{"value": 1, "metric": "bad", "tags": ["a"]}', 'tags ["a"] is not an object'),
        (b'{"value": 1, "metric": "bad", "at": "yesterday"}', "timestamp 'yesterday'"),
        (b'{"value": 1, "metric": "bad", "at": 1e99}', "timestamp 1e+99"),
    ],
)
def test_one_bad_record_costs_itself_and_is_counted_and_named(odd: bytes, why: str) -> None:
    mapping = {"records": "@", "value": "value", "metric": "metric", "tags": "tags", "timestamp": "at"}
    with RawServer(answer(b"[" + odd + b", " + GOOD + b"]")) as server:
        found = poll(server.url(), mapping=[mapping])
    assert (found.error, values(found), left_out(found)) == (None, {("probe", "good"): 2.0}, 1)
    assert found.report.outcome == Outcome.COMPLETE
    (reason,) = found.report.partial
    assert "values of 1 sample" in reason
    assert f"mapping[0], record 0: {why}" in reason


def test_a_value_that_cannot_be_computed_costs_its_record_alone() -> None:
    with RawServer(answer(b'[{"value": "x"}, {"value": -3}]')) as server:
        found = poll(server.url(), mapping=[{"records": "@", "value": "abs(value)", "metric": "'load'"}])
    assert (found.error, values(found), left_out(found)) == (None, {("probe", "load"): 3.0}, 1)
    assert "mapping[0], record 0: value: In function abs()" in found.report.partial[0]


def test_a_number_of_a_hundred_thousand_digits_is_no_finite_one_and_harms_no_other() -> None:
    body = b'[{"value": ' + b"1" * 100_000 + b'}, {"value": 2}]'
    with RawServer(answer(body)) as server:
        found = poll(server.url(), mapping=[{"records": "@", "value": "value", "metric": "'load'"}])
    assert (found.error, values(found), left_out(found)) == (None, {("probe", "load"): 2.0}, 1)


NEIGHBOURS = b"# TYPE before gauge\nbefore 1\n%b# TYPE after gauge\n# UNIT after_bytes bytes\nafter_bytes 2\n# EOF\n"


@pytest.mark.parametrize(
    ("family", "kept", "out"),
    [
        (b"# TYPE foo_total counter\nfoo_total 3\n", {"foo_total": 3}, 0),
        (b"# TYPE foo counter\nfoo 3\n", {"foo": 3}, 0),
        (b"# TYPE foo counter\n# TYPE foo counter\nfoo_total 3\n", {"foo_total": 3}, 0),
        (b"# UNIT foo_seconds bytes\nfoo_seconds 3\n", {"foo_seconds": 3}, 0),
        (b"# TYPE foo untyped\nfoo 3\n", {"foo": 3}, 0),
        (b'# TYPE foo histogram\nfoo_bucket{le="1"} 3\n', {"foo_bucket": 3}, 0),
        (b"# TYPE foo stateset\nfoo 3\n", {"foo": 3}, 0),
        (b"# SOMETHING else\n\nfoo 3\n", {"foo": 3}, 0),
        (b"foo 3\nfoo many\nfoo{a=} 1\n", {"foo": 3}, 2),
        (b"# TYPE foo gauge\nfoo 3 4 5 6\n", {}, 1),
        (b"foo{\xff} 3\n", {}, 1),
        (b"# TYPE foo histogram\nfoo {count:24,sum:100,schema:0,zero_threshold:0.001,zero_count:4}\n", {}, 1),
    ],
)
@pytest.mark.parametrize("form", ["application/openmetrics-text; version=1.0.0", "text/plain; version=0.0.4"])
def test_one_odd_family_costs_no_other(form: str, family: bytes, kept: dict[str, float], out: int) -> None:
    with RawServer(answer(NEIGHBOURS % family, form)) as server:
        found = poll(server.url(), "prometheus")
    assert found.error is None
    seen = {name: value for (_, name), value in values(found).items()}
    assert seen.items() >= {"before": 1, "after_bytes": 2}.items()
    if form.startswith("application"):
        assert {name: value for name, value in seen.items() if name.startswith("foo")} == kept
        assert left_out(found) == out
        assert bool(found.report.partial) == bool(out), "what is left out is said"


def test_the_lenient_form_is_asked_for_first_and_the_strict_one_where_there_is_no_other() -> None:
    def script(request: str) -> list[bytes]:
        if "openmetrics-text" in request:
            return [answer(b"# TYPE a gauge\na 1\n# EOF\n", "application/openmetrics-text; version=1.0.0")]
        return [answer(b"", status="406 Not Acceptable")]

    with RawServer(script) as server:
        found = poll(server.url(), "prometheus")
    assert (found.error, values(found)) == (None, {("probe", "a"): 1.0})
    assert len(server.requests) == 2
    assert "openmetrics" not in server.requests[0]


def test_a_page_of_openmetrics_without_its_end_is_not_taken_for_whole() -> None:
    error = _error(answer(b"# TYPE a gauge\na 1\n", "application/openmetrics-text"), "prometheus")
    assert "ends without # EOF" in str(error)


@pytest.mark.parametrize("value", ["ceil(value)", "to_number(value)", "avg(@.values)", "max_by(@, &value)", "value"])
@pytest.mark.parametrize(
    "body",
    [
        b'{"value": Infinity, "values": [1' + b"0" * 400 + b"]}",
        b'{"value": "' + b"9" * 100_000 + b'", "values": ["x"]}',
        b'{"value": {"a": 1}, "values": [NaN]}',
    ],
)
def test_what_a_function_cannot_compute_is_an_error_of_the_source(body: bytes, value: str) -> None:
    with RawServer(answer(body)) as server:
        found = poll(server.url(), mapping=[{"value": value, "metric": "'load'"}])
    assert found.error is None or (isinstance(found.error, CollectionFailed) and "mapping[0]" in str(found.error))


def test_a_nest_in_a_text_is_an_error_of_the_source() -> None:
    body = b'{"value": 1, "labels": {"a": ' + b"[" * 970 + b"]" * 970 + b"}}"
    mapping = [{"value": "value", "metric": "'load'", "tags": "labels"}]
    with RawServer(answer(body)) as server:
        found = poll(server.url(), mapping=mapping)
    assert found.error is None or isinstance(found.error, CollectionFailed)


def test_what_unpacks_to_much_is_given_up_in_time_too() -> None:
    line = b"a{" + b",".join(b'l%d="x"' % number for number in range(5500)) + b"} 1\n"
    packed = zstandard.compress(line * 3000)
    assert len(packed) < 200_000
    started = time.monotonic()
    error = _error(
        answer(packed, "text/plain", "Content-Encoding: zstd"), "prometheus", timeout=1, max_bytes=1_000_000_000
    )
    assert time.monotonic() - started < 10
    assert isinstance(error, Unavailable)
    assert "no whole answer within 1 s" in str(error)


@pytest.mark.parametrize(
    "script",
    [
        b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 200_000,
        b"HTTP/1.1 200 \xff\x00\r\nX-\xff: \xfe\r\n\r\n",
        b"HTTP/1.1 999 \r\nRetry-After: " + b"9" * 50_000 + b"\r\n\r\n",
        b"HTTP/1.1 429 \r\nRetry-After: Mon, 99 Jan 99999999999 99:99:99 +9999999999\r\n\r\n",
        b"HTTP/1.1 302 \r\nLocation: http://[::1:99999999999/\xff\r\n\r\n",
        b"HTTP/1.1 302 \r\nLocation: //" + b"a" * 300 + b".\xc3\xa4/\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: \xff\r\n\r\n{}",
        b"HTTP/1.1 103 Early Hints\r\n\r\n" * 100_000,
        b"SSH-2.0-OpenSSH\r\n",
        b"\x00" * 200_000,
    ],
)
@pytest.mark.parametrize("kind", ["http_json", "prometheus"])
def test_an_odd_head_is_an_error_in_our_words(script: bytes, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    _error(script, kind, timeout=2)
    assert "Traceback" not in caplog.text
    assert "collection of" not in caplog.text, "a fault that nobody foresaw"


@pytest.mark.parametrize(
    ("page", "fault"),
    [
        (b"\nb{c=\xff} 2\n", "line 2 is not UTF-8"),
        (b"<html>\n<p>this is no sample at all {{{\n", "line 1: not in the text format"),
        (b"a{" + b",".join(b'l%d="x"' % number for number in range(20_000)) + b"} 1\n", "a line is longer than"),
    ],
)
def test_a_page_that_does_not_fit_is_an_error_that_names_the_line(page: bytes, fault: str) -> None:
    error = _error(answer(page, "text/plain"), "prometheus")
    assert isinstance(error, CollectionFailed)
    assert fault in str(error)


@pytest.mark.parametrize(
    ("field", "text", "why"),
    [
        ("resource", "\\ud800", "half a character"),
        ("unit", "\\ud800", "half a character"),
        ("unit", "\\u0000", "a NUL character"),
        ("unit", "x" * 3000, "texts that are too long"),
    ],
)
def test_a_text_that_cannot_be_stored_costs_its_own_sample_only(
    field: str, text: str, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    body = f'[{{"value": 1, "text": "{text}"}}, {{"value": 2, "text": "good"}}]'.encode()
    mapping = [{"records": "@", "value": "value", "metric": "'load'", field: "text"}]
    with RawServer(answer(body)) as server:
        found = poll(server.url(), mapping=mapping)
    assert list(values(found).values()) == [2]
    assert left_out(found) == 1
    assert why in caplog.text
    assert all(encode(batch) for batch in found.batches)


def test_an_address_is_asked_for_as_it_is_written() -> None:
    with RawServer(answer(b'{"value": 3}')) as server:
        for path in ("/disk?mount=/", "/stats/", "/a?b=c%2Fd#part"):
            assert values(poll(server.url(path=path))) == {("probe", "load"): 3.0}
    asked = [request.split()[1] for request in server.requests]
    assert asked == ["/disk?mount=/", "/stats/", "/a?b=c%2Fd"]


def test_more_samples_than_allowed_are_an_error() -> None:
    page = b"".join(b'a{n="%d"} 1\n' % number for number in range(101))
    assert "more than 100 samples: raise max_samples" in str(
        _error(answer(page, "text/plain"), "prometheus", max_samples=100)
    )


def test_a_slow_answer_is_given_up_in_time() -> None:
    done = threading.Event()

    def drip(_: str) -> Iterator[bytes]:
        yield HEAD
        while not done.wait(0.02):
            yield b"a"  # always soon enough for a time-out of each read

    def drip_head(_: str) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nX-"
        while not done.wait(0.02):
            yield b"a"

    def silent(_: str) -> Iterator[bytes]:
        done.wait(30)
        yield b""

    try:
        for script in (drip, drip_head, silent):
            error = _error(script, timeout=1) if script is not silent else _error_while(script, done)
            assert isinstance(error, Unavailable)
            assert error.transient
    finally:
        done.set()


def _error_while(script: Callable[[str], Any], done: threading.Event) -> CollectionError:
    server = RawServer(script)
    with server:
        found = poll(server.url(), timeout=1)
        done.set()
    assert found.error is not None
    assert "no whole answer within 1 s" in str(found.error) or "timed out" in str(found.error)
    return found.error


def test_a_page_that_is_cut_off_by_the_clock_is_not_taken_for_whole() -> None:
    done = threading.Event()

    def drip(_: str) -> Iterator[bytes]:
        yield HEAD + b"a 1\n"
        done.wait(30)

    server = RawServer(drip)
    with server:
        found = poll(server.url(), "prometheus", timeout=1)
        done.set()
    assert found.batches == []
    assert isinstance(found.error, Unavailable)


@pytest.mark.parametrize("kind", ["http_json", "prometheus"])
def test_an_answer_that_breaks_off_is_tried_again_and_not_taken_for_whole(kind: str) -> None:
    head = HEAD.replace(b"Connection: close", b"Content-Length: 100")
    error = _error(lambda _: [head + b"a 1\n"], kind)
    assert isinstance(error, Unavailable)
    assert "peer closed connection" in str(error)


def _endless(piece: bytes) -> Callable[[str], Iterator[bytes]]:
    def script(_: str) -> Iterator[bytes]:
        yield HEAD
        while True:
            yield piece

    return script


@pytest.mark.parametrize("kind", ["http_json", "prometheus"])
@pytest.mark.parametrize("piece", [b"x" * 65536, b"a 1\n" * 16384, b"# comment\n" * 6000])
def test_an_endless_answer_ends_at_the_limit(kind: str, piece: bytes) -> None:
    error = _error(_endless(piece), kind, max_bytes=500_000)
    assert isinstance(error, CollectionFailed)
    assert any(word in str(error) for word in ("longer than 500000", "a line is longer", "lines: raise", "is longer"))


def _bomb(encoding: str) -> bytes:
    zeros = b"0" * 1_000_000
    if encoding == "zstd":
        packer = zstandard.ZstdCompressor(level=1).compressobj()
        return b"".join(packer.compress(zeros) for _ in range(500)) + packer.flush()
    inflater = zlib.compressobj(9, zlib.DEFLATED, 31 if encoding == "gzip" else 15)
    return b"".join(inflater.compress(zeros) for _ in range(60)) + inflater.flush()


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd"])
@pytest.mark.parametrize("kind", ["http_json", "prometheus"])
def test_a_bomb_is_not_unpacked(encoding: str, kind: str) -> None:
    bomb = _bomb(encoding)
    tracemalloc.start()
    error = _error(answer(bomb, "text/plain", f"Content-Encoding: {encoding}"), kind, max_bytes=4_000_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert isinstance(error, CollectionFailed)
    assert "more than 4000000 bytes" in str(error) or "a line is longer" in str(error)
    assert peak < 25_000_000, f"{peak} bytes for {len(bomb)}"


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", b"no gzip"),
        ("zstd", b"no zstd"),
        ("br", b"x"),
        ("gzip, gzip", b"x"),
        ("gzip", gzip.compress(b"{}", mtime=0)[:-9]),
    ],
)
def test_what_cannot_be_unpacked_is_said(encoding: str, body: bytes) -> None:
    error = _error(answer(body, "text/plain", f"Content-Encoding: {encoding}"))
    assert isinstance(error, CollectionFailed)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("401 Unauthorized", Denied),
        ("403 Forbidden", Denied),
        ("404 Not Found", CollectionFailed),
        ("429 Too Many Requests", Throttled),
        ("500 Internal Server Error", Unavailable),
    ],
)
def test_an_answer_that_is_not_200_is_the_error_that_it_stands_for(status: str, kind: type[CollectionError]) -> None:
    error = _error(answer(b"", "text/plain", "Retry-After: 7", status=status))
    assert type(error) is kind
    if isinstance(error, Throttled):
        assert error.retry_after == 7


def test_a_query_that_holds_a_key_is_in_no_error() -> None:
    with RawServer(answer(b"", status="404 Not Found")) as server:
        error = poll(server.url(path="/x?key=canary-key-value")).error
    assert "canary" not in str(error)
    assert "/x" in str(error)


_BILLION = """
import sys, tracemalloc
from tests.support.polling import poll

tracemalloc.start()
found = poll(sys.argv[1], sys.argv[2], max_bytes=1_000_000_000)
assert found.error is not None and not found.batches, found
print(str(found.error)[:80], tracemalloc.get_traced_memory()[1] // 1_000_000, sep="|")
"""


def test_a_billion_labels_and_an_endless_page_stay_within_bounds() -> None:
    # In a process of its own, whose memory is its own.
    def labels(_: str) -> Iterator[bytes]:
        yield HEAD + b"a{"
        for start in range(0, 1_000_000_000, 1000):
            yield b"".join(b'l%d="x",' % number for number in range(start, start + 1000))

    with RawServer(labels) as server:
        done = subprocess.run(
            [sys.executable, "-c", _BILLION, server.url(), "prometheus"],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert done.returncode == 0, done.stderr
    message, megabytes = done.stdout.strip().split("|")
    assert "a line is longer than 65536 bytes" in message
    assert int(megabytes) < 50
    assert server.sent < 20_000_000


def test_a_window_that_is_long_over_is_not_polled() -> None:
    with RawServer(answer(b'{"value": 3}')) as server:
        late = poll(server.url(), window_ended=timedelta(minutes=6))
        just = poll(server.url(), window_ended=timedelta(seconds=5))
    assert isinstance(late.error, CollectionFailed)
    assert "a source only tells of the present" in str(late.error)
    assert len(server.requests) == 1
    (point,) = just.points("load")
    assert point.start == just.report.run.window.end - timedelta(seconds=1)


def test_the_next_source_is_unharmed() -> None:
    with RawServer(_endless(b"x" * 65536)) as bad, RawServer(answer(b'{"value": 3}')) as good:
        assert poll(bad.url(), max_bytes=1_000_000).error is not None
        assert values(poll(good.url())) == {("probe", "load"): 3.0}
