"""Recommendations on their way: whole after the wire, refused where they cannot be, unknown to former readers."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
import zstandard

from telemetry.batch import Batch, Run
from telemetry.builder import build_batches, unpack
from telemetry.checks import check
from telemetry.codec import MAGIC, SCHEMA, decode, describe, encode
from telemetry.errors import InvalidRecord
from telemetry.recommendation_checks import MAX_DOCUMENT
from telemetry.recommendations import AMOUNTS, DOCUMENTS, TEXTS, Recommendation
from telemetry.records import Record, Resource
from telemetry.target import Target, Window
from telemetry.wire import decompress

NOW = datetime(2026, 11, 28, 6, tzinfo=UTC)
DAY = Window(datetime(2026, 11, 27, tzinfo=UTC), datetime(2026, 11, 28, tzinfo=UTC))


def one(**changes: Any) -> Recommendation:
    given: dict[str, Any] = {
        "recommendation_id": "r-1",
        "action": "Rightsize",
        "currency": "USD",
        "monthly_savings": Decimal("35.0400000001"),
        "resource_details": '{"a": [1.10, null, "b"]}',
    }
    return Recommendation(**(given | changes))


def batch(*records: Record) -> Batch:
    run = Run.start(Target("azure", "prod", "global", "advisor"), DAY, 1, NOW)
    (built,) = build_batches(run, records, NOW)
    return built


def test_one_is_the_same_after_the_wire() -> None:
    every = one(
        **{name: f"{name}-ü" for name in TEXTS if name != "currency"},
        **{name: Decimal("-1E-20") for name in AMOUNTS},
        **dict.fromkeys(DOCUMENTS, '{"n": 1.00000000000000000000000000001}'),
        restart_needed=True,
        rollback_possible=False,
        lookback_days=14,
        refreshed_at=NOW,
        tags={"team": "search"},
        details={"x_new": "1"},
    )
    sent = batch(every, one(monthly_savings=None, currency=""))
    received = decode(encode(sent))
    assert isinstance(received, Batch)
    assert list(unpack(received)) == [every, one(monthly_savings=None, currency="")]
    assert (received.record_count, received.recommendations[1].monthly_savings) == (2, None)
    assert "search" in str(describe(encode(sent)))


def test_a_large_message_is_read_record_by_record() -> None:
    large = '{"text": "' + "x" * 60_000 + '"}'
    sent = batch(*[one(recommendation_id=f"r-{number}", resource_details=large) for number in range(30)])
    received = decode(encode(sent))
    assert isinstance(received, Batch)
    assert received.recommendations == sent.recommendations


def test_a_reader_that_knows_none_reads_the_rest() -> None:
    """What follows in the array of a message is passed over, and what lacks is none."""
    kinds = [(field.name, msgspec.Raw) for field in msgspec.structs.fields(Batch)[:-1]]
    former = msgspec.defstruct("Former", kinds, array_like=True, tag="batch")
    body = decompress(encode(batch(one())))
    read: Any = msgspec.msgpack.decode(body, type=former)
    assert bytes(read.number) == b"\x01"
    *older, _ = msgspec.msgpack.decode(body)
    own = batch(Resource(provider="azure", account="1", region="eu", service="vm", resource_id="i", type="vm"))
    *known, _ = msgspec.msgpack.decode(decompress(encode(own)))
    assert len(older) == len(known)
    found = decode(MAGIC + bytes([SCHEMA]) + zstandard.compress(msgspec.msgpack.encode(known)))
    assert isinstance(found, Batch)
    assert (len(found.resources), found.recommendations) == (1, [])


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"recommendation_id": ""}, "recommendation_id"),
        ({"recommendation_id": "x" * 2001}, "recommendation_id"),
        ({"action": "a\x00b"}, "action"),
        ({"currency": ""}, "currency"),
        ({"currency": "usd"}, "currency"),
        ({"monthly_savings": Decimal("NaN")}, "monthly_savings"),
        ({"monthly_cost": Decimal("1E+500")}, "monthly_cost"),
        ({"lookback_days": -1}, "lookback_days"),
        ({"refreshed_at": datetime(1970, 1, 1, tzinfo=UTC)}, "refreshed_at"),
        ({"details": {"n": "\x00"}}, "details"),
        ({"resource_details": ""}, "resource_details"),
        ({"resource_details": "{"}, "resource_details"),
        ({"resource_details": '{"n": NaN}'}, "resource_details"),
        ({"resource_details": '{"n": 1e999999}'}, "resource_details"),
        ({"resource_details": '"\\u0000"'}, "resource_details"),
        ({"resource_details": '"\\ud800"'}, "resource_details"),
        ({"resource_details": "[" * 5000 + "]" * 5000}, "resource_details"),
        ({"recommended_details": '"' + "x" * MAX_DOCUMENT + '"'}, "recommended_details"),
    ],
)
def test_what_cannot_be_is_named(changes: dict[str, Any], names: str) -> None:
    found = msgspec.structs.replace(batch(one()), recommendations=[one(**changes)])
    with pytest.raises(InvalidRecord, match=rf"recommendations\[0\]\.{names}"):
        check(found)


def test_an_amount_of_another_writer_is_written_in_digits() -> None:
    fields = msgspec.msgpack.decode(decompress(encode(batch(one()))))
    place = Recommendation.__struct_fields__.index("monthly_savings")
    fields[-1][0][place] = "1_000"
    with pytest.raises(InvalidRecord, match=r"recommendations\[0\]\.monthly_savings"):
        decode(MAGIC + bytes([SCHEMA]) + zstandard.compress(msgspec.msgpack.encode(fields)))


def test_the_times_of_a_window_bind_none() -> None:
    check(batch(one(refreshed_at=NOW - timedelta(days=60))))
