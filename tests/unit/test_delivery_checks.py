"""Deliveries of bills as messages: each comes back as it was, and what is impossible is named, whatever the field."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from telemetry.batch import Batch, Points
from telemetry.checks import check
from telemetry.codec import decode, encode
from telemetry.deliveries import DeliveredFile, Delivery, DeliveryState
from telemetry.delivery_checks import MAX_DELIVERIES, MAX_VERSION
from telemetry.errors import InvalidRecord, MessageError
from tests.support.messages import make_run

_replace = msgspec.structs.replace
START, END = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)
FILE = DeliveredFile(name="cur-00001.csv.gz", size=100, etag="e1", rows=5)
SEEN = Delivery(
    state=DeliveryState.SEEN,
    period_start=START,
    period_end=END,
    version="a" * 64,
    submitted_at=START + timedelta(days=3, microseconds=704739),
    files=[FILE],
    service="bill_files",
)
READ = _replace(
    SEEN,
    state=DeliveryState.READ,
    service="",
    rows_read=5,
    bytes_read=100,
    totals={"USD": Decimal("12345678901234567890.123456789")},
)
MISSING = Delivery(
    state=DeliveryState.MISSING, period_start=START, period_end=END, reason="unhealthy", service="bill_files"
)
NAIVE = datetime(2026, 11, 1)  # noqa: DTZ001 - the fault


def _batch(*told: Delivery) -> Batch:
    return Batch(make_run(), 1, True, START, [], [], Points([], [], []), [], deliveries=list(told))


def test_every_state_comes_back_as_it_was() -> None:
    batch = _batch(SEEN, READ, MISSING)
    check(batch)
    assert decode(encode(batch)).deliveries == [SEEN, READ, MISSING]  # type: ignore[union-attr]  # a batch


@pytest.mark.parametrize(
    ("told", "changes", "path"),
    [
        (SEEN, {"period_start": NAIVE}, "period_start"),
        (SEEN, {"period_end": NAIVE}, "period_end"),
        (SEEN, {"period_end": START}, "period_start"),
        (SEEN, {"period_end": END + timedelta(days=9)}, "period_start"),
        (SEEN, {"period_start": START + timedelta(microseconds=1)}, "period_start"),
        (SEEN, {"period_start": START - timedelta(days=40 * 366)}, "period_start"),
        (SEEN, {"version": ""}, "version"),
        (SEEN, {"version": "a" * (MAX_VERSION + 1)}, "version"),
        (SEEN, {"version": "a\x00"}, "version"),
        (SEEN, {"submitted_at": NAIVE}, "submitted_at"),
        (SEEN, {"submitted_at": START + timedelta(days=80 * 366)}, "submitted_at"),
        (SEEN, {"service": ""}, "service"),
        (SEEN, {"service": "a/b"}, "service"),
        (SEEN, {"rows_read": 5}, "rows_read"),
        (SEEN, {"bytes_read": 5}, "bytes_read"),
        (SEEN, {"reason": "\x00"}, "reason"),
        (READ, {"service": "bill_files"}, "service"),
        (READ, {"rows_read": None}, "rows_read"),
        (READ, {"rows_read": -1}, "rows_read"),
        (READ, {"rows_read": 4}, "rows_read"),
        (READ, {"bytes_read": 99}, "bytes_read"),
        (READ, {"files": [], "bytes_read": 2**63}, "bytes_read"),
        (READ, {"totals": {"usd": Decimal(1)}}, "totals"),
        (READ, {"totals": {"USD": Decimal("NaN")}}, "totals.USD"),
        (READ, {"totals": {"USD": Decimal("1E+99999")}}, "totals.USD"),
        (
            READ,
            {"totals": {f"A{a}{b}": Decimal(1) for a in map(chr, range(65, 90)) for b in "ABCDEFGHIJKLM"}},
            "totals",
        ),
        (READ, {"files": [_replace(FILE, name="\x00")]}, "files[0].name"),
        (READ, {"files": [_replace(FILE, etag="e" * 100_000)]}, "files[0].etag"),
        (READ, {"files": [_replace(FILE, size=-1)]}, "bytes_read"),
        (SEEN, {"files": [_replace(FILE, size=2**63)]}, "files[0].size"),
        (SEEN, {"files": [FILE, _replace(FILE, rows=-1)]}, "files[1].rows"),
        (MISSING, {"reason": " "}, "reason"),
        (MISSING, {"version": "v"}, "version"),
        (MISSING, {"service": ""}, "service"),
    ],
)
def test_what_is_impossible_is_named(told: Delivery, changes: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidRecord) as raised:
        check(_batch(SEEN, _replace(told, **changes)))
    assert raised.value.args[0] == f"deliveries[1].{path}"


def test_every_field_is_checked() -> None:
    """By the table above: whoever adds a field adds what it cannot be."""
    table = test_what_is_impossible_is_named.pytestmark[0].args[1]
    tried = {name for _, changes, _ in table for name in changes}
    assert tried == set(Delivery.__struct_fields__) - {"state"}


def test_there_are_not_too_many() -> None:
    with pytest.raises(InvalidRecord, match="deliveries"):
        check(_batch(*[MISSING] * (MAX_DELIVERIES + 1)))
    many = [_replace(FILE, name=str(number)) for number in range(600_000)]
    with pytest.raises((InvalidRecord, MessageError)):
        check(_batch(_replace(SEEN, files=many), _replace(SEEN, files=many)))


def test_a_promise_that_one_file_does_not_make_is_not_compared() -> None:
    check(_batch(_replace(READ, files=[FILE, _replace(FILE, name="b", rows=None, size=None)], rows_read=9)))
    check(_batch(_replace(READ, files=[], rows_read=0, bytes_read=None, totals={})))
