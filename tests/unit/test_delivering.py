"""What a collection makes of deliveries: each says who reads it, and of a bill no record is left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar

import pytest

from agents.core.collection import Collection
from agents.core.context import Context, Shared
from agents.core.service import Estimate, Service
from telemetry.batch import Batch, Run
from telemetry.builder import unpack
from telemetry.costs import CostLine
from telemetry.deliveries import Delivery, DeliveryState
from telemetry.errors import CollectionFailed
from telemetry.limits import MAX_RECORD
from telemetry.records import Record
from telemetry.settings import Settings
from telemetry.target import Target, Window
from tests.support.messages import NOW

MONTH = Window(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC))
PERIOD: dict[str, Any] = {"period_start": MONTH.start, "period_end": MONTH.end}


class _Bill(Service):
    """Yields what it is given."""

    provider, name, interval, delay, permissions = "generic", "bill", timedelta(days=31), timedelta(0), ()
    records: ClassVar[Sequence[Record]] = ()

    def collect(self, context: Context, target: Target, window: Window) -> Iterator[Record]:
        del context, target, window
        yield from self.records

    def estimate(self, window: Window, resources: int) -> Estimate:
        raise NotImplementedError


def _collect(monkeypatch: pytest.MonkeyPatch, *records: Record, **facts: object) -> list[Batch]:
    kind = type("_Given", (_Bill,), {"records": records, **facts})
    monkeypatch.setattr("agents.core.collection.find", lambda *_: kind())
    settings = Settings.model_validate({"generic": {}})
    target = Target("generic", "default", "export", "bill")
    return list(Collection(Shared(settings, now=lambda: NOW), Run.start(target, MONTH, 1, NOW)).batches())


def test_what_was_seen_says_who_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = Delivery(state=DeliveryState.SEEN, version="v", **PERIOD)
    missing = Delivery(state=DeliveryState.MISSING, reason="gone", **PERIOD)
    (batch,) = _collect(monkeypatch, seen, missing, delivers="reads")
    assert [one.service for one in batch.deliveries] == ["reads", "reads"]


def test_what_was_read_says_nothing_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    read = Delivery(state=DeliveryState.READ, version="v", rows_read=0, **PERIOD)
    (batch,) = _collect(monkeypatch, read, delivered=True)
    assert list(unpack(batch)) == [read]


def test_of_a_bill_no_line_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    line = CostLine(start=MONTH.start, end=MONTH.end, currency="USD", billed_cost=Decimal(1))
    impossible = CostLine(
        start=MONTH.start,
        end=MONTH.end,
        currency="USD",
        billed_cost=Decimal(1),
        amounts={"x" * 2000 + str(number): Decimal(1) for number in range(MAX_RECORD // 2000 + 1)},
    )
    (batch,) = _collect(monkeypatch, line, impossible)
    assert batch.costs == [line]
    with pytest.raises(CollectionFailed, match="no message can hold"):
        _collect(monkeypatch, line, impossible, delivered=True)
