"""Bodies that cost much more to read than to send, and bodies that are as large as a broker takes."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import cache
from uuid import UUID

import zstandard
from msgspec import Raw

from telemetry.codec import MAGIC, SCHEMA
from tests.support.hostile_batches import frame, nested, with_field
from tests.support.messages import WINDOW
from tests.support.pushing import message

Draw = random.Random
_HEAD = MAGIC + bytes([SCHEMA])
_SIZE = 8_000_000


def bomb(draw: Draw, source: str) -> tuple[str, bytes]:
    """One of them."""
    name = draw.choice(list(BOMBS))
    return f"bomb/{name}", _made(name, source)


@cache
def _made(name: str, source: str) -> bytes:
    return BOMBS[name](source)


def _push(source: str, field: bytes) -> bytes:
    head = f'{{"source":"{source}","sent_at":"{message()["sent_at"]}",'.encode()
    return head + field + b"}"


def _repeated(source: str, start: bytes, item: bytes, end: bytes, size: int = _SIZE) -> bytes:
    """A push with a field of so many bytes."""
    return _push(source, start + b",".join([item] * (size // (len(item) + 1))) + end)


def _keys(source: str) -> bytes:
    return _push(source, b",".join(b'"%07d":0' % number for number in range(_SIZE // 12)))


def _array(item: bytes, count: int) -> bytes:
    """An array of msgpack."""
    return b"\xdd" + count.to_bytes(4, "big") + item * count


def _stream(size: int) -> bytes:
    """Zeros in a frame that does not say how many."""
    return zstandard.ZstdCompressor(write_content_size=False).compress(bytes(size))


def _resources(count: int, tags: int, text: str = "") -> list[object]:
    """As many resources, each with tags of its own of a few bytes."""
    return [
        ["aws", "1", "r", "ec2", str(n), "", "", {f"{n:x}.{tag:x}": text for tag in range(tags)}] for n in range(count)
    ]


def _lines(count: int, amounts: int) -> list[object]:
    day = [WINDOW.start, WINDOW.end]
    names = {f"a{n}": "1" for n in range(amounts)}
    return [["", *day, "USD", "1", None, None, None, names] for _ in range(count)]


PUSHED: dict[str, Callable[[str], bytes]] = {
    "zero_metrics": lambda source: _repeated(source, b'"metrics":[', b"0", b"]"),
    "empty_metrics": lambda source: _repeated(source, b'"metrics":[', b"{}", b"]"),
    "empty_charges": lambda source: _repeated(source, b'"costs":[{"day":"2026-11-19","charges":[', b"{}", b"]}]"),
    "nested_lists": lambda source: _repeated(source, b'"metrics":[', b"[[[[0]]]]", b"]"),
    "unknown_keys": _keys,
    "duplicate_keys": lambda source: _repeated(source, b'"metrics":[],', b'"a":0', b""),
    "duplicate_fields": lambda source: _repeated(source, b'"metrics":[],', b'"metrics":[0]', b""),
    "million_digits": lambda source: _push(source, b'"metrics":[' + b"9" * 1_000_000 + b"]"),
    "many_digits": lambda source: _push(source, b'"metrics":[{"name":"a","value":0.' + b"3" * (_SIZE - 200) + b"}]"),
    "numbers_of_many_digits": lambda source: _repeated(source, b'"metrics":[', b"9" * 4000, b"]"),
    "long_name": lambda source: _push(source, b'"metrics":[{"name":"' + b"x" * (_SIZE - 200) + b'","value":1}]'),
    "escapes": lambda source: _push(source, b'"key":"' + b"\\u00e9" * (_SIZE // 6 - 50) + b'"'),
    "tags": lambda source: _push(
        source, b'"resources":[{"id":"a","tags":{' + b",".join(b'"%07d":""' % n for n in range(_SIZE // 13)) + b"}}]"
    ),
}  # fmt: skip
"""By name, in JSON; each is given the name of a source."""
BOMBS: dict[str, Callable[[str], bytes]] = {
    "zeros": lambda _: frame(bytes(64 * 2**20)),
    "zeros_of_unknown_size": lambda _: _HEAD + _stream(64 * 2**20),
    "zeros_inside_the_limit": lambda _: frame(bytes(_SIZE)),
    "empty_arrays": lambda _: frame(_array(b"\x90", _SIZE)),
    "empty_maps": lambda _: frame(_array(b"\x80", _SIZE)),
    "batch_of_empty_arrays": lambda _: frame(b"\x99\xa5batch" + _array(b"\x90", _SIZE)),
    "map_of_one_key": lambda _: frame(b"\xdf" + (_SIZE // 3).to_bytes(4, "big") + b"\xa1a\x90" * (_SIZE // 3)),
    "deep_arrays": lambda _: frame(nested(_SIZE)),
    "deep_maps": lambda _: frame(nested(_SIZE // 3, b"\x81\xa1a")),
    "long_text": lambda _: frame(b"\xdb" + _SIZE.to_bytes(4, "big") + b"x" * _SIZE),
    "wide_window": lambda _: _HEAD + b"\x28\xb5\x2f\xfd\x00\xa8" + b"\x02\x00\x80\x00" * 1000,
    "batch_of_resources": lambda _: with_field("batch", 5, _resources(600_000 // 3, 0)),
    "batch_of_tags": lambda _: with_field("batch", 5, _resources(3000, 250)),
    "batch_of_too_many_tags": lambda _: with_field("batch", 5, _resources(20, 30_000)),
    "batch_of_one_resource": lambda _: with_field("batch", 5, _resources(1, 700_000)),
    "batch_of_wide_texts": lambda _: with_field("batch", 5, _resources(31, 1, "\U0001f600" + "x" * 250_000)),
    "batch_of_series": lambda _: with_field("batch", 6, [[0, "", "", "", "", 0]] * 1_000_000),
    "batch_of_points": lambda _: with_field("batch", 7, [[0] * 2_600_000] * 3),
    "batch_of_columns": lambda _: with_field("columns", 7, [bytes(2_600_000)] * 3),
    "batch_of_lying_columns": lambda _: with_field("columns", 7, [Raw(b"\xc6\xff\xff\xff\xff")] * 3),
    "batch_of_long_columns": lambda _: with_field("columns", 7, [bytes(80_000), bytes(160_000), bytes(160_000)]),
    "batch_of_lies": lambda _: with_field("batch", 7, [Raw(b"\xdd\xff\xff\xff\xff")] * 3),
    "batch_of_rates": lambda _: with_field("batch", 8, [[0, 0, 1, "1", "USD", ""]] * 500_000),
    "batch_of_costs": lambda _: with_field("batch", 9, _lines(19_000, 60)),
    "batch_of_short_costs": lambda _: with_field("batch", 9, _lines(19_000, 0)),
    "batch_of_digits": lambda _: with_field("batch", 8, [[0, 0, 1, "9" * (_SIZE - 1000), "USD", ""]]),
    "batch_of_exponents": lambda _: with_field("batch", 8, [[0, 0, 1, "1e999999999", "USD", ""]] * 19_000),
    "batch_of_one_target": lambda _: with_field("batch", 1, [str(UUID(int=1)), ["\U000e0001" * (_SIZE // 17)] * 4]),
    "report_of_apis": lambda _: with_field("report", 6, [["", 0, 0, None]] * 1_600_000),
    "report_of_reasons": lambda _: with_field("report", 11, [""] * (_SIZE - 1000)),
    "report_of_one_error": lambda _: with_field("report", 8, "\U000e0001" * (_SIZE // 4 - 99)),
    **PUSHED,
}  # fmt: skip
"""All of them."""
