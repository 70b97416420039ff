"""Messages that are pushed, or lie on our queues: what is wrong with them is told in words of JSON, never Python's."""

import copy
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from telemetry.codec import decode
from telemetry.errors import MessageError
from telemetry.push.checks import parse
from telemetry.wording import written

NOW = datetime(2026, 11, 24, 6, tzinfo=UTC)
_MESSAGE: dict[str, Any] = {
    "source": "shop",
    "sent_at": "2026-11-24T05:00:00Z",
    "key": "k",
    "resources": [{"id": "r", "name": "n", "type": "t", "tags": {"a": "b"}, "attributes": {"c": 1}}],
    "metrics": [{"name": "m", "value": 1, "unit": "u", "resource": "r", "time": "2026-11-24T05:00:00Z"}],
    "costs": [{"day": "2026-11-23", "charges": [{"currency": "USD", "billed_cost": "1", "tags": {"a": "b"}}]}],
}
_WRONG = ["", "x", "\u0000", 7, -1.5, 10**400, True, None, [], [1], {}, {"a": [None]}, "2026-11-24", "y" * 5000]
_PYTHON = re.compile(
    r"\b(?:tuple|dict|str|string|int|integer|float|bool|boolean|timedelta|datetime|Decimal|None|True|False|input|instance"
    r"|pydantic|parse|timezone info|pattern)\b|\bb['\"]"
)


def _places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*at, key)
        yield from _places(item, (*at, key))


def _with(place: tuple[Any, ...], value: Any) -> bytes:
    document = copy.deepcopy(_MESSAGE)
    holder: Any = document
    for part in place[:-1]:
        holder = holder[part]
    holder[place[-1]] = value
    return json.dumps(document).encode()


def test_no_fault_of_a_pushed_message_is_told_in_words_of_python() -> None:
    wrong: dict[str, str] = {}
    told = 0
    for place in _places(_MESSAGE):
        for value in _WRONG:
            try:
                parse(_with(place, value), ["shop"], NOW)
            except MessageError as error:
                told += 1
                if found := _PYTHON.search(str(error)):
                    wrong.setdefault(found[0], f"{place} {value!r:.40}: {error}"[:300])
    assert wrong == {}
    assert told > 200


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'"a": 1}', "it begins with '\"a\": 1}'; what is pushed is a JSON object: {...}"),
        (b"FF", "it begins with 'FF'; "),
        ("größe".encode(), "it begins with 'größe'; "),
        (b"\x80\x04\x95", "it begins with bytes 80 04 95; "),
        (b"", "it is empty"),
        (b"[1, 2]", "it begins with '[1, 2]'; "),
    ],
)
def test_what_is_no_message_is_shown_as_text(body: bytes, said: str) -> None:
    with pytest.raises(MessageError) as caught:
        decode(body)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", "'a'"),
        (b"a", "'a'"),
        ("é".encode()[:1], "bytes c3"),
        (b"caf\xc3", "'caf'"),
        (None, "null"),
        (True, "true"),
        (1.5, "1.5"),
        ({"a": [None, True]}, '{"a": [null, true]}'),
        ("\x1b", "'\\x1b'"),
    ],
)
def test_a_value_is_written_as_json_has_it(value: object, text: str) -> None:
    assert written(value) == text
