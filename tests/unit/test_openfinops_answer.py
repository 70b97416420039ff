"""Which error an answer of OpenFinOps is."""

from datetime import UTC, datetime

import httpx
import pytest

from agents.core.retry_after import MAX_WAIT, parse_retry_after
from agents.destinations.openfinops.answer import (
    LONG_WAIT,
    THROTTLE_WAIT,
    Answer,
    read_answer,
    refuse,
)
from telemetry.errors import ForwardRejected, ForwardRetry
from telemetry.redact import remember

_NOW = datetime(2026, 11, 24, 5, 0, tzinfo=UTC)


def _answer(status: int, body: bytes = b'{"error": "because"}', headers: dict[str, str] | None = None) -> Answer:
    return read_answer(httpx.Response(status, content=body, headers=headers), 1)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        (" 17 ", 17.0),
        ("1.5", 1.5),
        ("9" * 5000, None),
        ("999999999", MAX_WAIT),
        ("Tue, 24 Nov 2026 05:01:30 GMT", 90.0),
        ("Tue, 24 Nov 2026 05:01:30 -0000", 90.0),
        ("Tue, 24 Nov 2026 04:00:00 GMT", 0.0),
        ("Wed, 24 Nov 2027 04:00:00 GMT", MAX_WAIT),
        ("", None),
        ("-5", None),
        ("soon", None),
        ("\u0663", None),
    ],
)
def test_retry_after_in_both_forms(value: str, seconds: float | None) -> None:
    assert parse_retry_after(value, _NOW) == seconds


@pytest.mark.parametrize(
    ("status", "headers", "wait"),
    [
        (500, {}, None),
        (502, {}, None),
        (503, {}, None),
        (503, {"Retry-After": "7"}, 7.0),
        (408, {}, None),
        (425, {}, None),
        (429, {}, THROTTLE_WAIT),
        (429, {"Retry-After": "3"}, 3.0),
        (429, {"Retry-After": "never"}, THROTTLE_WAIT),
        (401, {}, LONG_WAIT),
        (403, {}, LONG_WAIT),
        (404, {}, LONG_WAIT),
        (405, {}, LONG_WAIT),
        (302, {"Location": "https://login.example.com/"}, LONG_WAIT),
        (200, {}, LONG_WAIT),
        (599, {}, None),
    ],
)
def test_what_may_be_taken_later(status: int, headers: dict[str, str], wait: float | None) -> None:
    with pytest.raises(ForwardRetry) as raised:
        refuse("POST https://x/ingest", _answer(status, headers=headers), "")
    assert raised.value.retry_after == wait
    assert str(raised.value).startswith(f"POST https://x/ingest: {status}")


@pytest.mark.parametrize("status", [400, 406, 409, 410, 411, 413, 414, 415, 422, 431, 451])
def test_what_never_will_be_taken(status: int) -> None:
    with pytest.raises(ForwardRejected, match=f"{status} .*because"):
        refuse("POST https://x/ingest", _answer(status), "")


@pytest.mark.parametrize(
    ("status", "says"), [(401, "set openfinops.api_key"), (403, "no right"), (302, "not followed: write that as")]
)
def test_a_remedy_is_named(status: int, says: str) -> None:
    with pytest.raises(ForwardRetry, match=says):
        refuse("POST u", _answer(status), "")


@pytest.mark.parametrize(
    ("status", "body", "taken"),
    [
        (200, b'{"status": "success"}', True),
        (202, b'{"accepted": 1}', True),
        (200, b'{"error": "no"}', False),
        (200, b"<html>log in</html>", False),
        (200, b"", False),
        (200, b"[]", False),
        (500, b'{"status": "success"}', False),
    ],
)
def test_only_its_own_confirmation_counts_as_taken(status: int, body: bytes, taken: bool) -> None:
    assert _answer(status, body).taken is taken


def test_a_page_is_not_quoted_and_a_text_is_one_short_line() -> None:
    assert _answer(404, b"<html>a\nb</html>", {"Content-Type": "text/html; charset=utf-8"}).text == ""
    text = _answer(500, b"a\r\n\x1b[31mb \x00" + b"c" * 1000).text
    assert text.startswith("a [31mb c")
    assert len(text) == 201


def test_an_endless_body_is_cut() -> None:
    assert len(_answer(200, b'{"a": "' + b"x" * 200_000 + b'"}').text) == 201


def test_a_secret_that_the_server_echoes_is_masked() -> None:
    remember("canary-echoed-key")
    body = b"x" * 190 + b" you sent canary-echoed-key"
    assert "canary" not in _answer(400, body).text
