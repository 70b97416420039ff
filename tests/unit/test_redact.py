"""A secret that is known is masked in every form in which it gets into a text."""

import base64
import json
import logging
import sys
import textwrap
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry import redact as module
from telemetry.logs import FORMATS, Formatter
from telemetry.redact import MASK, redact, remember

SECRET = "pa'ss\"w\\ord/ü+%1"


@pytest.fixture(autouse=True)
def _forget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_known", set())
    monkeypatch.setattr(module, "_ordered", ())


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        repr(SECRET)[1:-1],
        json.dumps(SECRET),
        json.dumps(SECRET, ensure_ascii=False),
        json.dumps({"a": json.dumps(SECRET)}),
        repr(json.dumps(SECRET)),
        quote(SECRET),
        quote(SECRET, safe=""),
        quote_plus(SECRET),
        quote(SECRET, safe="").lower(),
    ],
)
def test_a_secret_is_masked_as_it_is_escaped(form: str) -> None:
    remember(SECRET)
    masked = redact(f"before {form} after")
    assert masked.startswith("before ")
    assert masked.endswith(" after")
    assert MASK in masked
    assert "ord" not in masked


@pytest.mark.parametrize("user", ["a", "ab", "abc", "finfleet"])
def test_a_secret_is_masked_in_base64(user: str) -> None:
    remember("correct-horse-battery")
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        encoded = encode(f"{user}:correct-horse-battery".encode()).decode()
        assert len(redact(f"x {encoded} y")) < len(encoded) - 10
        assert redact(f"Authorization: Basic {encoded}") == f"Authorization: Basic {MASK}"


def test_ordinary_words_are_no_credentials() -> None:
    text = "Basic configuration of the bearer: basically nothing"
    assert redact(text) == text


@given(st.text("abc XYZ-", min_size=20, max_size=60), st.integers(5, 30))
def test_a_secret_is_masked_though_it_is_broken_into_lines(before: str, width: int) -> None:
    remember("0123456789ABCDEFGHIJKLMNOPQRS")
    text = textwrap.fill(before + "0123456789ABCDEFGHIJKLMNOPQRS" + before, width, subsequent_indent="    ")
    masked = redact(text)
    assert not set("0123456789").intersection(masked)


def test_a_secret_with_line_breaks_is_masked_line_by_line() -> None:
    remember("-----BEGIN KEY-----\nabcdefghijklmnopqrstuvwx\nABCDEFGHIJKLMNOPQRSTUVWX\n")
    assert redact("it has abcdefghijklmnopqrstuvwx in it") == f"it has {MASK} in it"
    assert "qrst" not in redact("  -----BEGIN KEY-----\n    abcdefghijklmnopqrstuvwx\n")


def test_a_token_that_ends_in_a_line_break_is_masked_without_it_too() -> None:
    remember("canary-token\n")
    assert redact("the token canary-token.") == f"the token {MASK}."


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("the password is pw1", f"the password is {MASK}"),
        ("key=pw1&x", f"key={MASK}&x"),
        ("xpw12", "xpw12"),  # in a word it is not it
    ],
)
def test_a_short_secret_is_masked_where_it_stands_alone(text: str, masked: str) -> None:
    remember("pw1")
    assert redact(text) == masked


def test_nothing_and_next_to_nothing_is_no_secret() -> None:
    for secret in ("", "a", "ab", "\n"):
        remember(secret)
    assert redact("a ab abc\n") == "a ab abc\n"


@pytest.mark.parametrize("form", FORMATS)
def test_a_secret_is_masked_in_a_traceback(form: str) -> None:
    remember(SECRET)
    try:
        dict[str, str]()[SECRET]
    except KeyError:
        record = logging.LogRecord("x", logging.INFO, "", 0, "failed: %r", (SECRET,), sys.exc_info())
    formatted = Formatter(form).format(record)
    assert f"KeyError: '{MASK}'" in formatted.replace('\\"', '"').replace('"', "'")
    assert f"failed: '{MASK}'" in formatted
