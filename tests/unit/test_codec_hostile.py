"""No bytes on the results queue cost more than their refusal: kinds of errors, memory, time."""

import json
import re
from collections.abc import Callable
from functools import partial
from itertools import islice
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry import undeliverable
from telemetry.codec import decode, describe
from telemetry.errors import MalformedMessage, MessageError
from telemetry.push.batches import messages_of
from telemetry.push.sources import Pushers
from tests.support.hostile import hostile_bodies
from tests.support.hostile_batches import frame, nested, pack
from tests.support.hostile_bombs import BOMBS
from tests.support.memory import measured
from tests.support.messages import NOW, make_batch

_replace = msgspec.structs.replace


def _fields(message: Any) -> list[Any]:
    """A message as it is on the wire, to be spoilt."""
    fields: list[Any] = msgspec.msgpack.decode(pack(message))
    return fields


def _said(body: bytes) -> str:
    with pytest.raises(MessageError) as refusal:
        decode(body)
    return str(refusal.value)


@pytest.mark.parametrize("deep", [b"\x91", b"\x81\xa1a"])
def test_a_batch_with_deep_arrays_behind_it_is_refused_alone(deep: bytes) -> None:
    body = frame(pack([*_fields(make_batch()), None, None, msgspec.Raw(nested(100_000, deep))]))
    assert len(body) < 1000
    assert "recursion" in _said(body)


def test_whatever_is_hostile_is_refused_in_words_and_can_be_shown() -> None:
    for kind, body in islice(hostile_bodies(11, bomb_every=0), 4000):
        said = _refused(body)
        assert 0 < len(said) < 10_000, kind
        shown = msgspec.json.encode(describe(body))
        assert len(shown) < 1_000_000, kind
        json.loads(shown)


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**64 - 1)
        | st.floats()
        | st.text(max_size=20)
        | st.binary(max_size=20),
        lambda inner: (
            st.lists(inner, max_size=8) | st.dictionaries(st.text(max_size=5) | st.integers(0, 99), inner, max_size=5)
        ),
        max_leaves=30,
    ),
    st.sampled_from(["batch", "report"]),
)
def test_any_values_in_place_of_fields_are_refused(value: Any, tag: str) -> None:
    fields = value if isinstance(value, list) else [value]
    for body in (frame(pack(value)), frame(pack([tag, *fields]))):
        with pytest.raises(MessageError):
            decode(body)
        msgspec.json.encode(describe(body))


@given(st.binary(max_size=400), st.sampled_from([b"", b"{", b"[", b"FL", b"FF\x02", b'{"a":"', b"  {"]))
def test_any_bytes_can_be_shown(tail: bytes, start: bytes) -> None:
    for body in (start + tail, undeliverable.wrap("push", "malformed", "why", start + tail), frame(tail)):
        msgspec.json.encode(describe(body))


@given(st.binary(max_size=200))
def test_what_is_no_wrapped_message_is_malformed(tail: bytes) -> None:
    for body in (
        undeliverable.MAGIC + tail,
        undeliverable.MAGIC + pack(["q", "c", "r", tail, msgspec.Raw(nested(9000))]),
    ):
        try:
            found = undeliverable.unwrap(body)
        except MalformedMessage:
            continue
        assert (
            undeliverable.unwrap(undeliverable.wrap(*(getattr(found, name) for name in found.__struct_fields__)))
            == found
        )


def bombs() -> dict[str, Callable[[], object]]:
    """What the child measures: refusing every bomb, and showing it."""
    calls: dict[str, Callable[[], object]] = {}
    for name, make in BOMBS.items():
        body = make("training")
        calls[f"refuse {name}"] = partial(_refused, body)
        calls[f"show {name}"] = partial(_shown, body)
    return calls


def _refused(body: bytes) -> str:
    try:
        if undeliverable.is_wrapped(body):
            undeliverable.unwrap(body)
        else:
            messages_of(body, Pushers.alone("training"), NOW)
    except MessageError as error:
        return str(error)
    return "a batch, of a target that nobody plans"


def _shown(body: bytes) -> int:
    shown = msgspec.json.encode(describe(body))
    assert len(shown) < 1_000_000
    return len(shown)


def test_no_bomb_takes_a_second_or_a_hundred_megabytes() -> None:
    costs = measured("tests.unit.test_codec_hostile", "bombs")
    assert len(costs) == 2 * len(BOMBS)
    dear = {name: cost for name, cost in costs.items() if cost.megabytes > 100 or cost.seconds > 1}
    assert not dear


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ((1, 2), ["0001-01-01T00:00:00+14:00", "0001-01-01T00:05:00+14:00"], "run.window: .*between the years"),
        ((1, 4), "9999-12-31T23:59:59-14:00", "run.started_at: .*between the years 2000 and 2100"),
        ((4,), "2100-01-01T00:00:00Z", "collected_at: .*between the years"),
        ((1, 3), 2**31, "run.attempt: 2147483648"),
        ((1, 3), 2**64 - 1, "run.attempt: 18446744073709551615"),
        ((5, 0, 7), {str(n): "" for n in range(257)}, r"resources\[0\].tags: '257 of them': at most 256"),
        ((7, 0), "x", r"`points.series`"),
        ((5, 1, 6), 5, r"`resources\[1\]\[6\]`"),
    ],
)
def test_what_cannot_be_is_named_by_its_field(path: tuple[int, ...], value: Any, says: str) -> None:
    fields = _fields(make_batch())
    node = fields
    for place in path[:-1]:
        node = node[place]
    node[path[-1]] = value
    assert re.search(says, _said(frame(pack(fields)))), _said(frame(pack(fields)))


def test_what_a_worker_could_not_use_is_shown_with_its_body() -> None:
    shown: Any = describe(
        undeliverable.wrap("push", "not_a_task", "it is 5", b'{"source": "training", "half": "\\u00e9"}')
    )
    assert shown["undeliverable"]["queue"] == "push"
    assert shown["undeliverable"]["reason"] == "it is 5"
    assert shown["undeliverable"]["body"] == {"pushed": {"source": "training", "half": "\u00e9"}}
    inner: Any = describe(undeliverable.wrap("push", "malformed", "why", b"5"))
    assert inner["undeliverable"]["body"] == {"not a finfleet message": "5", "bytes": 1}


@pytest.mark.parametrize(
    "body", [b'{"a": "\\ud800"}', b'{"a": "\xff"}', b'{"a": 1e999}', b'{"a":' * 5000, b'{"a": 1, "\\ud800": 2}']
)
def test_json_that_is_none_is_shown_as_text(body: bytes) -> None:
    shown: Any = describe(body)
    assert shown["not a finfleet message"].startswith('{"a":')
    assert shown["bytes"] == len(body)
    msgspec.json.encode(shown)
