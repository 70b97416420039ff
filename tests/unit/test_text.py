"""What a terminal is given of the text of strangers."""

import json
import logging
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.logs import Formatter
from telemetry.text import safe_json, shown

HOSTILE = "\x1b]0;owned\x07\x1b[2J\u202eevil\u2066\u200b\ufeff\x9b31m\r\x08\x7f\u2028\u2029\x85\t\ud800\U000e0041\u3164"


def _steers(text: str) -> bool:
    return any(unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for character in text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\x1b[31m", "\\x1b[31m"),
        ("a\u202eb", "a\\u202eb"),
        ("a\nb\rc\td", "a\\nb\\rc\\td"),
        ("\x9b", "\\x9b"),
        ("\U000e0041", "\\U000e0041"),
        ("\ud800", "\\ud800"),
        ("Größe 東京 🚀 é שלום", "Größe 東京 🚀 é שלום"),
    ],
)
def test_what_steers_is_shown_as_an_escape_and_the_rest_stays(text: str, expected: str) -> None:
    assert shown(text) == expected


def test_every_character_that_steers_is_escaped() -> None:
    for code in range(sys.maxunicode + 1):
        if unicodedata.category(chr(code)) in {"Cc", "Cf", "Cs", "Zl", "Zp"}:
            assert shown(chr(code)).isascii()
    assert not _steers(shown(HOSTILE))
    assert shown("a\nb\x1b", lines=True) == "a\nb\\x1b"


@given(st.text(st.characters(exclude_categories=[])))
def test_json_says_the_same_and_steers_nothing(text: str) -> None:
    document = json.dumps({"key": [text]}, ensure_ascii=False, indent=2)
    safe = safe_json(document)
    assert json.loads(safe) == json.loads(document)
    assert not _steers(safe.replace("\n", ""))
    safe.encode()


def test_a_log_line_stays_one_entry_whatever_is_logged() -> None:
    formatter = Formatter("text")
    try:
        int(f"{HOSTILE}\n2026-01-01 INFO forged".join("12"))
    except ValueError:
        record = logging.LogRecord("x", logging.INFO, "", 0, "%s", (f"{HOSTILE}\nERROR forged",), sys.exc_info())
    lines = formatter.format(record).split("\n")
    assert not _steers("".join(lines))
    assert lines[0].partition(" ")[2].startswith("INFO x: \\x1b]0;owned\\x07")
    # What goes on in a further line is indented, so that it cannot look like an entry of its own.
    assert all(line.startswith("  ") for line in lines[1:])
    assert any("ERROR forged" in line for line in lines[1:])
