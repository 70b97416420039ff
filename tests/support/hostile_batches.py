"""Hostile batches and reports: valid ones, spoilt in one place."""

from __future__ import annotations

import random
import struct
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import zstandard

from telemetry.batch import ApiUse, Batch, Report
from telemetry.builder import build_batches
from telemetry.codec import MAGIC, SCHEMA
from telemetry.costs import CostLine
from telemetry.deliveries import DeliveredFile, Delivery, DeliveryState
from telemetry.packed import to_bytes
from telemetry.target import Target, Window
from tests.support.messages import NOW, WINDOW, make_report, make_run, records

Draw = random.Random
TARGET = Target("aws", "hostile", "us-east-1", "ec2")
"""Of no planner."""
_encode = msgspec.msgpack.Encoder(decimal_format="string", enc_hook=list).encode
_encode_columns = msgspec.msgpack.Encoder(decimal_format="string", enc_hook=to_bytes).encode
_RUN = msgspec.structs.replace(make_run(TARGET), run_id=uuid.UUID(int=7))
_compress = zstandard.ZstdCompressor(level=1).compress
Raw = msgspec.Raw


def pack(value: object) -> bytes:
    """As msgpack, points in lists as up to schema 2; a Raw goes in as it is."""
    return _encode(value)


def frame(packed: bytes, schema: int = SCHEMA) -> bytes:
    """Msgpack as a body of the results queue."""
    return MAGIC + bytes([schema]) + _compress(packed)


def nested(depth: int, opening: bytes = b"\x91") -> bytes:
    """Arrays (or maps: ``81 a1 61``) in each other."""
    return opening * depth + b"\xc0"


def makers() -> list[Callable[[Draw], tuple[str, bytes]]]:
    """One a kind."""
    return [_cut, _flipped, _flipped_inside, _wrong_type, _wrong_type, _impossible, _tail, _appended, _schema, _frames]


def flip(draw: Draw, body: bytes, start: int = 0) -> bytes:
    """With one to four bits of another mind, behind ``start``."""
    spoilt = bytearray(body)
    for _ in range(draw.randint(1, 4)):
        spoilt[draw.randrange(start, len(spoilt))] ^= 1 << draw.randrange(8)
    return bytes(spoilt)


def _line() -> CostLine:
    return CostLine(start=WINDOW.start, end=WINDOW.end, currency="USD", billed_cost="1.25", tags={"a": "b"})  # type: ignore[arg-type]  # as it is on the wire


def _delivery() -> Delivery:
    file = DeliveredFile(name="cur-00001.csv.gz", size=100, etag="e", rows=5)
    fields: dict[str, Any] = {"period_start": WINDOW.start, "period_end": WINDOW.end, "submitted_at": NOW}
    told = Delivery(state=DeliveryState.READ, version="v", files=[file], rows_read=5, bytes_read=100, **fields)
    return msgspec.structs.replace(told, totals={"USD": "1.25"})


def _templates() -> dict[str, Any]:
    """Plain values of a batch with everything in it, and of a report."""
    found = next(build_batches(_RUN, records(2), NOW))
    batch: Batch = msgspec.structs.replace(found, costs=[_line()], deliveries=[_delivery()])
    report: Report = msgspec.structs.replace(make_report(_RUN), apis=[ApiUse("ec2:X", 1, 0, None)])
    return {
        "batch": msgspec.msgpack.decode(_encode(batch)),
        "columns": msgspec.msgpack.decode(_encode_columns(batch)),
        "report": msgspec.msgpack.decode(_encode(report)),
    }


_TEMPLATES = _templates()
_PACKED = {name: _encode(template) for name, template in _TEMPLATES.items()}
_FRAMED = {name: frame(packed) for name, packed in _PACKED.items()}


def with_field(name: str, place: int, value: object) -> bytes:
    """A valid ``batch``, ``columns`` (one of schema 3) or ``report`` but for one field: 0 is the kind, 1 the run."""
    template = list(_TEMPLATES[name])
    template += [None] * (place - len(template))
    template[place : place + 1] = [value]
    return frame(pack(template))


def _cut(draw: Draw) -> tuple[str, bytes]:
    name = draw.choice(list(_FRAMED))
    if draw.random() < 0.5:
        return f"cut/{name}", _FRAMED[name][: draw.randrange(len(_FRAMED[name]))]
    return f"cut/inside_{name}", frame(_PACKED[name][: draw.randrange(len(_PACKED[name]))])


def _flipped(draw: Draw) -> tuple[str, bytes]:
    name = draw.choice(list(_FRAMED))
    return f"flip/{name}", flip(draw, _FRAMED[name])


def _flipped_inside(draw: Draw) -> tuple[str, bytes]:
    name = draw.choice(list(_PACKED))
    return f"flip/inside_{name}", frame(flip(draw, _PACKED[name]))


def _tail(draw: Draw) -> tuple[str, bytes]:
    """A whole message, and something behind it."""
    name = draw.choice(list(_PACKED))
    deep = draw.choice([10, 100, 1000, 5000, 100_000])
    tail = draw.choice([nested(deep), nested(deep, b"\x81\xa1a"), b"\xc1", b"\xdd\xff\xff\xff\xff", _PACKED[name]])
    return f"tail/{name}", frame(_PACKED[name] + tail)


def _appended(draw: Draw) -> tuple[str, bytes]:
    """Further fields of a message, or of its run, as a later release might have them, and as none has."""
    name = draw.choice(list(_TEMPLATES))
    deep = draw.choice([10, 100, 1000, 5000, 100_000])
    further = draw.choice(
        [Raw(nested(deep)), Raw(nested(deep, b"\x81\xa1a")), Raw(b"\xc1"), Raw(b"\xdd\xff\xff\xff\xff")]
    )
    template = list(_TEMPLATES[name])
    if draw.random() < 0.5:
        template[1] = [*template[1], further]
    else:
        # Behind all fields that there are.
        template += [None] * (12 - len(template)) + [further]
    return f"appended/{name}", frame(pack(template))


def _schema(draw: Draw) -> tuple[str, bytes]:
    return "schema/unknown", frame(_PACKED["batch"], draw.choice([0, SCHEMA + 1, 9, 127, 255]))


def _frames(draw: Draw) -> tuple[str, bytes]:
    """Frames of zstd as no publisher of ours makes them."""
    packed, head = _PACKED["batch"], MAGIC + bytes([SCHEMA])
    skippable = struct.pack("<II", 0x184D2A50, 4) + b"skip"
    what = draw.choice(["two", "skippable", "skipped_first", "dictionary", "window", "size", "empty"])
    body = {
        "two": _compress(packed[:40]) + _compress(packed[40:]),
        "skippable": _compress(packed) + skippable,
        "skipped_first": skippable + _compress(packed),
        "dictionary": b"\x28\xb5\x2f\xfd\x21\x07\x05\x29\x00\x00hello",
        "window": b"\x28\xb5\x2f\xfd\x00" + bytes([draw.choice([0xA0, 0xA8, 0xF8, 0xFF])]) + b"\x29\x00\x00hello",
        "size": b"\x28\xb5\x2f\xfd\xe0" + struct.pack("<Q", draw.choice([2**24, 2**32, 2**63, 2**64 - 1])),
        "empty": _compress(b""),
    }[what]
    return f"frame/{what}", head + body


_WRONG: tuple[Any, ...] = (
    None, True, -1, 0, 2**31, 2**32, 2**63 - 1, 2**64 - 1, -(2**63), 0.5, float("nan"), float("inf"), 1e308,
    b"\xff" * 32, b"\x7f\xf0\x00\x00\x00\x00\x00\x00" * 4,
    "", "\0", "a\x1b]0;title\x07", "\u202e", "x" * 3000, b"", b"\xff" * 20, [], {}, [[]], [None] * 50, {"a": {}},
    {str(number): "" for number in range(300)}, list(range(300)),
    "NaN", "-Infinity", "sNaN123", "1e999999999", "1e-999999999", "1_000", "\u0661\u0662", " 1 ", "9" * 5000, "0x10",
    "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-11-24T05:00:00", "2026-11-24T05:00:60Z",
    "2026-02-30T00:00:00Z", "10000-01-01T00:00:00Z", "2026-11-24T05:00:00+23:59", str(uuid.UUID(int=0)),
    msgspec.msgpack.Ext(5, b"abc"), msgspec.msgpack.Ext(-1, b"\xff" * 12), msgspec.msgpack.Ext(-1, b"\x00" * 4),
    Raw(b"\xa3\xed\xa0\x80"), Raw(b"\xa2\xff\xfe"), Raw(b"\xc1"), Raw(b"\xdd\xff\xff\xff\xff"), Raw(b"\xdc\xff\xff"),
    Raw(b"\xdf\xff\xff\xff\xff"), Raw(b"\xc6\xff\xff\xff\xff"), Raw(b"\xdb\xff\xff\xff\xff"),
    Raw(b"\xc9\xff\xff\xff\xff\x01"),
    Raw(b"\xdd\x00\x00\xff\xff" + b"\xc0" * 65_535), Raw(b"\x82\xa1a\x01\xa1a\x02"), Raw(b"\x81\x91\x01\x02"),
    Raw(nested(60)), Raw(nested(2000)), Raw(nested(400, b"\x81\xa1a")),
)  # fmt: skip


def wrong_value(draw: Draw) -> Any:
    """Something that is hardly what the field is for."""
    return draw.choice(_WRONG)


def _wrong_type(draw: Draw) -> tuple[str, bytes]:
    """One value anywhere in the message, or a key, or the number of fields."""
    name = draw.choice(list(_TEMPLATES))
    path: list[Any] = []
    node = _TEMPLATES[name]
    while isinstance(node, list | dict) and node and (not path or draw.random() < 0.85):
        place = draw.choice(list(node)) if isinstance(node, dict) else draw.randrange(len(node))
        path.append(place)
        node = node[place]
    change = draw.choice([_set, _set, _set, _drop, _double])
    return f"field/{name}", frame(pack(_changed(_TEMPLATES[name], path, draw, change)))


Change = Callable[[Any, Any, Draw], None]


def _changed(node: Any, path: list[Any], draw: Draw, change: Change) -> Any:
    """A copy of ``node`` with a change at ``path``; what lies beside the path is shared."""
    copy = dict(node) if isinstance(node, dict) else list(node)
    if len(path) == 1:
        change(copy, path[0], draw)
    else:
        copy[path[0]] = _changed(node[path[0]], path[1:], draw, change)
    return copy


def _set(node: Any, place: Any, draw: Draw) -> None:
    node[place] = wrong_value(draw)


def _drop(node: Any, place: Any, draw: Draw) -> None:
    del node[place]


def _double(node: Any, place: Any, draw: Draw) -> None:
    if isinstance(node, dict):
        node[f"{place}\0"] = node[place]
    else:
        node.insert(place, node[place])


_MOMENTS = (
    datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),
    datetime(2026, 11, 24, 5, 3, 17, tzinfo=UTC),
    datetime(1999, 12, 31, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC),
    datetime(2026, 11, 24, 5, 0, 0, 1, tzinfo=UTC),
)  # fmt: skip
_NUMBERS = (-(2**63), -(2**31), -1, 0, 1, 2, 2**31 - 1, 2**31, 2**32, 2**63 - 1, 2**64 - 1)


def _impossible(draw: Draw) -> tuple[str, bytes]:
    """Right in form: times, counts and targets that no run can have."""
    start = draw.choice(_MOMENTS)
    run = _RUN
    what = draw.choice(["window", "started_at", "attempt", "target", "number", "report"])
    if what == "window":
        length = draw.choice([timedelta(0), timedelta(microseconds=1), timedelta(minutes=5), timedelta(days=366)])
        end = min(start, datetime(9998, 1, 1, tzinfo=UTC)) + length
        run = msgspec.structs.replace(run, window=_window(start, end))
    elif what == "started_at":
        run = msgspec.structs.replace(run, started_at=start)
    elif what == "attempt":
        run = msgspec.structs.replace(run, attempt=draw.choice(_NUMBERS))
    elif what == "target":
        parts = draw.choices(["aws", "generic", "push", "", "a/b", "x" * 129, "\u0430ws", "-", "a\n"], k=4)
        run = msgspec.structs.replace(run, target=Target(*parts))
    template = list(_TEMPLATES["report" if what == "report" else "batch"])
    template[1] = run
    if what == "number":
        template[2] = draw.choice(_NUMBERS)
    elif what == "report":
        template[3:5] = draw.choice(_NUMBERS), draw.choice(_NUMBERS)
    return f"impossible/{what}", frame(pack(template))


def _window(start: datetime, end: datetime) -> Any:
    """As a list: the class itself refuses what is no window."""
    try:
        return Window(start, end)
    except ValueError:
        return [start, end]
