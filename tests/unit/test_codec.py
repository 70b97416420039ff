"""Batches and their wire form: nothing is lost on the way, and nothing impossible gets through."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from telemetry import codec
from telemetry.batch import MAX_REASON, MAX_REASONS, ApiUse, Batch, Points, Series
from telemetry.builder import build_batches, unpack
from telemetry.checks import check
from telemetry.codec import MAGIC, SCHEMA, decode, describe, encode
from telemetry.errors import InvalidRecord, MalformedMessage, UnknownSchema
from telemetry.records import CostRate, MetricPoint
from telemetry.wire import decompress
from tests.support.hostile_batches import frame, pack
from tests.support.messages import NOW, WINDOW, instance, make_batch, make_report, make_run, plain, point, rate, records

_replace = msgspec.structs.replace


def test_a_batch_and_a_report_come_back_the_same() -> None:
    batch = make_batch()
    copy = decode(encode(batch))
    assert isinstance(copy, Batch)
    assert plain(copy) == plain(batch)
    assert copy.batch_id == batch.batch_id
    report = make_report()
    report = _replace(report, apis=[ApiUse("ec2:DescribeInstances", 3, 1, None), ApiUse("x", 1, 0, Decimal("0.01"))])
    assert decode(encode(report)) == report


def test_what_a_run_lacks_comes_back_and_has_an_end() -> None:
    reasons = tuple(f"rates: {number}" for number in range(MAX_REASONS))
    report = _replace(make_report(), partial=reasons)
    assert decode(encode(report)) == report
    for wrong in ((*reasons, "one more"), ("x" * (MAX_REASON + 1),), (" ",), ("a\x00b",)):
        with pytest.raises(InvalidRecord, match="partial"):
            check(_replace(report, partial=wrong))


def test_the_same_message_gives_the_same_bytes() -> None:
    batch = make_batch()
    assert encode(batch) == encode(batch)


def test_another_run_of_the_same_attempt_has_other_batches() -> None:
    first, second = (next(build_batches(make_run(), records(1), NOW)) for _ in range(2))
    assert first.batch_id != second.batch_id


@given(
    st.lists(st.tuples(st.integers(0, 30), st.floats(allow_nan=False, allow_infinity=False)), min_size=1, max_size=60),
    st.integers(2, 12),
)
def test_every_record_is_in_exactly_one_batch(values: list[tuple[int, float]], limit: int) -> None:
    given_ = [
        item
        for index, (number, value) in enumerate(values)
        for item in (point(instance(number), value, f"metric_{index}"), rate(instance(number), f"0.{index + 1}"))
    ]
    batches = list(build_batches(make_run(), iter(given_), NOW, limit))
    assert [batch.number for batch in batches] == list(range(1, len(batches) + 1))
    assert [batch.final for batch in batches] == [False] * (len(batches) - 1) + [True]
    assert max(batch.record_count for batch in batches) <= limit + 1
    found = [record for batch in batches for record in unpack(_decoded(batch))]
    points = [(r.resource.key, r.metric, r.value, r.start) for r in found if isinstance(r, MetricPoint)]
    rates = [(r.resource.key, r.amount, r.start) for r in found if isinstance(r, CostRate)]
    assert sorted(points) == sorted((r.resource.key, r.metric, r.value, r.start) for r in given_[::2])  # type: ignore[union-attr]  # points
    assert sorted(rates) == sorted((r.resource.key, r.amount, r.start) for r in given_[1::2])  # type: ignore[union-attr]  # rates


def test_no_records_make_no_batch() -> None:
    assert list(build_batches(make_run(), iter(()), NOW)) == []


@pytest.mark.parametrize("amount", ["0.1", "0.10", "123456789012345678.123456789012345678", "0", "1E+3"])
def test_money_arrives_digit_by_digit(amount: str) -> None:
    batch = next(build_batches(make_run(), [rate(instance(1), amount)], NOW))
    assert str(_decoded(batch).rates[0].amount) == amount


def _decoded(batch: Batch) -> Batch:
    copy = decode(encode(batch))
    assert isinstance(copy, Batch)
    return copy


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"F",
        b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00\x8c\x08builtins",
        b'{"kind": "batch"}',
        MAGIC + bytes([SCHEMA]),
        MAGIC + bytes([SCHEMA]) + b"no zstd",
        MAGIC + bytes([SCHEMA]) + zstandard.compress(b"\xc1"),
        MAGIC + bytes([SCHEMA]) + zstandard.compress(b"\xd4\x00\x00"),  # an extension type
        MAGIC + bytes([SCHEMA]) + zstandard.compress(msgspec.msgpack.encode(["batch", 1, 2])),
        MAGIC + bytes([SCHEMA]) + zstandard.compress(msgspec.msgpack.encode({"a": 1})),
        encode(make_batch())[:-1],
        encode(make_batch()) + b"x",
    ],
)
def test_what_is_no_message_of_ours_is_malformed(data: bytes) -> None:
    with pytest.raises(MalformedMessage) as caught:
        decode(data)
    assert str(caught.value)
    describe(data)  # a person can be shown whatever it is


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_in_words(tail: bytes) -> None:
    for data in (tail, MAGIC + bytes([SCHEMA]) + tail, MAGIC + bytes([SCHEMA]) + zstandard.compress(tail)):
        with pytest.raises((MalformedMessage, UnknownSchema)):
            decode(data)
        describe(data)


def test_an_unknown_schema_is_named() -> None:
    data = encode(make_batch())
    with pytest.raises(UnknownSchema, match="schema version 9"):
        decode(data[:2] + b"\x09" + data[3:])


def test_a_bomb_does_not_unpack(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = zstandard.ZstdCompressor(write_content_size=False).compress(b"\0" * (codec.MAX_BODY + 1))
    sized = zstandard.compress(b"\0" * (codec.MAX_BODY + 1))
    for body in (bomb, sized):
        assert len(body) < 10_000
        with pytest.raises(MalformedMessage):
            decode(MAGIC + bytes([SCHEMA]) + body)


@dataclass(frozen=True)
class Impossible:
    """One change to a good batch that makes it impossible, and what must be said of it."""

    says: str
    change: Callable[[Batch], Batch]


def _with_points(**columns: Any) -> Callable[[Batch], Batch]:
    return lambda batch: _replace(batch, points=_replace(batch.points, **columns))


def _with_resource(**fields: Any) -> Callable[[Batch], Batch]:
    return lambda batch: _replace(batch, resources=[_replace(batch.resources[0], **fields), *batch.resources[1:]])


def _with_rate(**fields: Any) -> Callable[[Batch], Batch]:
    return lambda batch: _replace(batch, rates=[_replace(batch.rates[0], **fields), *batch.rates[1:]])


_START = int(WINDOW.start.timestamp())
_IMPOSSIBLE = [
    Impossible(r"points.value\[1\]: nan", _with_points(value=[1.0, math.nan, 1.0, 1.0])),
    Impossible(r"points.value\[0\]: inf", _with_points(value=[math.inf, 1.0, 1.0, 1.0])),
    Impossible(r"points.start\[2\]: .*inside the window", _with_points(start=[_START, _START, _START + 300, _START])),
    Impossible(r"points.series\[3\]: 4", _with_points(series=[0, 1, 2, 4])),
    Impossible(r"points.series\[0\]: -1", _with_points(series=[-1, 1, 2, 3])),
    Impossible("three columns", _with_points(value=[1.0])),
    Impossible(r"resources\[0\].provider: 'azure'", _with_resource(provider="azure")),
    Impossible(r"resources\[0\].resource_id: ''", _with_resource(resource_id="")),
    Impossible("NUL", _with_resource(name="a\0b")),
    Impossible("NUL", _with_resource(tags={"a": "\0"})),
    Impossible("2000 bytes", _with_resource(resource_id="x" * 2001)),
    Impossible("at most 2048", _with_resource(tags={"a": "x" * 3000})),
    Impossible("finite", _with_resource(attributes={"load": math.nan})),
    Impossible(r"rates\[0\].amount: .*NaN", _with_rate(amount=Decimal("NaN"))),
    Impossible(r"rates\[0\].amount: .*-1", _with_rate(amount=Decimal(-1))),
    Impossible(r"rates\[0\].currency: 'dollars'", _with_rate(currency="dollars")),
    Impossible(r"rates\[0\].start", _with_rate(start=_START - 1)),
    Impossible(r"rates\[0\].resource: 7", _with_rate(resource=7)),
    Impossible(r"rates\[0\].period: 0", _with_rate(period=0)),
    Impossible("number: 0", lambda batch: _replace(batch, number=0)),
    Impossible("once in a batch", lambda batch: _replace(batch, resources=[batch.resources[0]] * 2)),
    Impossible("once in a batch", lambda batch: _replace(batch, series=[batch.series[0]] * 4)),
    Impossible("collected_at: .*zone", lambda batch: _replace(batch, collected_at=datetime(2026, 11, 24, 6))),  # noqa: DTZ001
    Impossible(
        r"series.resource\[0\]: 9", lambda batch: _replace(batch, series=[Series(9, "m", "M", "u", "sum", 300)])
    ),
    Impossible(
        "at least one record",
        lambda batch: _replace(batch, resources=[], series=[], rates=[], points=Points([], [], [])),
    ),
    Impossible("run.attempt: 0", lambda batch: _replace(batch, run=_replace(batch.run, attempt=0))),
]


@pytest.mark.parametrize("case", _IMPOSSIBLE, ids=lambda case: case.says)
def test_an_impossible_record_is_named(case: Impossible) -> None:
    with pytest.raises(InvalidRecord, match=case.says):
        decode(frame(pack(case.change(make_batch())), schema=2))
    with pytest.raises(InvalidRecord, match=case.says):
        encode(case.change(make_batch()))


def test_a_person_sees_names_and_values() -> None:
    shown: Any = describe(encode(make_batch()))
    assert shown["message"]["kind"] == "batch"
    assert shown["message"]["run"]["target"]["region"] == "us-east-1"
    assert shown["message"]["rates"][0]["amount"] == "0.0960000000"


def test_what_a_batch_lacks_comes_back_and_an_older_message_lacks_nothing() -> None:
    batch = _replace(make_batch(), partial=("prices: no pricing:GetProducts",))
    assert decode(encode(batch)).partial == batch.partial
    *older, _, _, _ = msgspec.msgpack.decode(decompress(encode(batch)))
    body = MAGIC + bytes([SCHEMA]) + zstandard.compress(msgspec.msgpack.encode(older))
    assert decode(body).partial == ()
    with pytest.raises(InvalidRecord, match=r"partial\[0\]"):
        check(_replace(batch, partial=(" ",)))
