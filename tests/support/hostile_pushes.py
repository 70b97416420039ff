"""Hostile pushes in JSON: each with at least one fault."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import msgspec

from tests.support.pushing import message

Draw = random.Random
Raw = msgspec.Raw
_encode = msgspec.json.encode

_WRONG: tuple[Any, ...] = (
    None, True, -1, 2**31, 2**63, 2**64, 0.5, "", "x" * 2049, [], {}, [[]], {"a": {"a": {}}}, ["x"] * 50,
    Raw(b"1e999"), Raw(b"-1e999999999"), Raw(b"1e-999999999"), Raw(b"9" * 5000), Raw(b"0." + b"3" * 5000), Raw(b"NaN"),
    Raw(b"Infinity"), Raw(b"01"), Raw(b"1_000"), Raw(b'"\\ud800"'), Raw(b'"\\u0000"'), Raw(b'"\xff\xfe"'),
    Raw(b'"\xed\xa0\x80"'), Raw(b"tru"), Raw(b'{"a":1,"a":2}'), Raw(b"[" * 150 + b"]" * 150), Raw(b"[" * 5000),
    "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-02-30T00:00:00Z", "2026-11-20T05:02:03",
    "1e999999999", "NaN", "-Infinity", "1_000", "\u0661\u0662", " 1 ", "9" * 1001, "+", ".", "0x10",
)  # fmt: skip
_FIELDS = (
    ("sent_at",), ("resources",), ("resources", 0), ("resources", 0, "id"), ("resources", 0, "tags"),
    ("metrics",), ("metrics", 0), ("metrics", 0, "name"), ("metrics", 0, "value"), ("metrics", 0, "time"),
    ("metrics", 0, "period"),
    ("costs",), ("costs", 0), ("costs", 0, "day"), ("costs", 0, "charges"), ("costs", 0, "charges", 0),
    ("costs", 0, "charges", 0, "currency"), ("costs", 0, "charges", 0, "billed_cost"),
    ("costs", 0, "charges", 0, "tags"),
)  # fmt: skip


def makers() -> list[Callable[[str, Draw], tuple[str, bytes]]]:
    """One a kind; each is given the name of a source."""
    return [_wrong, _wrong, _times, _references, _unknown, _extra, _many_faults, _cut, _flipped, _json]


def _whole(source: str) -> dict[str, Any]:
    charge = {"currency": "USD", "billed_cost": "1.25", "tags": {"team": "a"}}
    metric = {"name": "loss", "value": 1.5, "resource": "gpu", "time": "2026-11-20T05:02:00Z", "period": 60}
    return message(
        source=source,
        resources=[{"id": "gpu", "tags": {"team": "a"}, "attributes": {"cores": 2}}],
        metrics=[metric],
        costs=[{"day": "2026-11-19", "charges": [charge]}],
    )


def _wrong(source: str, draw: Draw) -> tuple[str, bytes]:
    """One field of a wrong type or value; and a field too many, since some values would be right."""
    whole = _whole(source)
    path = draw.choice(_FIELDS)
    node: Any = whole
    for place in path[:-1]:
        node = node[place]
    node[path[-1]] = draw.choice(_WRONG)
    whole["no_such_field"] = 1
    return "push/wrong", _encode(whole)


def _times(source: str, draw: Draw) -> tuple[str, bytes]:
    whole = _whole(source)
    wrong = ["1999-12-31T23:59:59Z", "2999-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"]
    time = draw.choice(wrong)
    if draw.random() < 0.3:
        whole["sent_at"] = draw.choice(wrong[1:])
    elif draw.random() < 0.5:
        whole["costs"][0]["day"] = time[:10]
    else:
        whole["metrics"][0]["time"] = time
    return "push/times", _encode(whole)


def _references(source: str, draw: Draw) -> tuple[str, bytes]:
    whole = _whole(source)
    name = draw.choice(["resources", "metrics", "costs"])
    whole[name] *= draw.choice([2, 3, 40])
    if draw.random() < 0.5:
        whole["metrics"][0] = whole["metrics"][0] | {"resource": f"gpu-{draw.random()}"}
    return "push/references", _encode(whole)


def _unknown(source: str, draw: Draw) -> tuple[str, bytes]:
    name = draw.choice(["nobody", "", "a b", "\u202e", "x" * 200, "../etc", f"source-{draw.randrange(1000)}"])
    return "push/unknown_source", _encode(_whole(name))


def _extra(source: str, draw: Draw) -> tuple[str, bytes]:
    fields = {f"field_{number}": number for number in range(draw.choice([1, 30, 300]))}
    return "push/unknown_field", _encode(_whole(source) | fields)


def _many_faults(source: str, draw: Draw) -> tuple[str, bytes]:
    wrong: Any = draw.choice([0, {}, None, {"name": 1}, [[]]])
    return "push/many_faults", _encode(_whole(source) | {"metrics": [wrong] * draw.choice([21, 60, 300])})


def _cut(source: str, draw: Draw) -> tuple[str, bytes]:
    body = _encode(_whole(source))
    return "push/cut", body[: draw.randrange(1, len(body))]


def _flipped(source: str, draw: Draw) -> tuple[str, bytes]:
    """Of a source that is not let in: a letter may turn into another letter."""
    body = bytearray(_encode(_whole("nobody-" + "x" * 8)))
    for _ in range(draw.randint(1, 3)):
        body[draw.randrange(len(body))] ^= 1 << draw.randrange(7)
    return "push/flipped", bytes(body)


def _json(source: str, draw: Draw) -> tuple[str, bytes]:
    """JSON that is no message, or hardly JSON."""
    deep = draw.choice([100, 1000, 20_000])
    bodies = (
        b"{}", b'{"a":1}', b" {", b"{" * deep, b'{"source":' + b"[" * deep, b'{"a":' * deep + b"1" + b"}" * deep,
        b'{"source": "\xff\xfe"}', b'{"source": "\\ud800"}', b'\xef\xbb\xbf{"source": "a"}', b'{"source": "a"} {}',
        b'{"source": 1e999999999}', b'{"source": ' + b"9" * 5000 + b"}", b'{"a":1,"a":1}', b"{'source': 'a'}", b"{\0}",
    )  # fmt: skip
    return "push/json", draw.choice(bodies)
