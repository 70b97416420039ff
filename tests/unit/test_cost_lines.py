"""Lines of costs on their way: whole after the wire, refused where they cannot be."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
import zstandard

from telemetry.batch import Batch, Points, Run
from telemetry.builder import build_batches, unpack
from telemetry.codec import MAGIC, decode, describe, encode
from telemetry.costs import ChargeCategory, CostLine
from telemetry.errors import InvalidRecord
from telemetry.target import Target, Window
from tests.support.messages import instance

DAY = Window(datetime(2026, 11, 20, tzinfo=UTC), datetime(2026, 11, 21, tzinfo=UTC))
NOW = datetime(2026, 11, 22, 6, tzinfo=UTC)


def line(**changes: Any) -> CostLine:
    fields: dict[str, Any] = {
        "start": DAY.start,
        "end": DAY.end,
        "currency": "USD",
        "billed_cost": Decimal("12.3400000001"),
        "charge_category": ChargeCategory.USAGE,
        "service_name": "Amazon Simple Storage Service",
    }
    return CostLine(**(fields | changes))


def batch(*lines: CostLine) -> Batch:
    run = Run.start(Target("aws", "prod", "global", "cost"), DAY, 1, NOW)
    (built,) = build_batches(run, lines, NOW)
    return built


def test_a_line_is_the_same_after_the_wire() -> None:
    lines = [
        line(
            breakdown="tag:team",
            billed_cost=Decimal("-0.00000000000000000001"),
            effective_cost=Decimal("1E+20"),
            amounts={"NetUnblendedCost": Decimal("3.10")},
            tags={"team": "search"},
            quantity=Decimal("0.5"),
            estimated=True,
        ),
        line(billed_cost=None, list_cost=Decimal(0), estimated=False),
    ]
    received = decode(encode(batch(*lines)))
    assert isinstance(received, Batch)
    assert received.record_count == 2
    assert list(unpack(received)) == lines
    assert str(received.costs[0].amounts["NetUnblendedCost"]) == "3.10"
    assert "Amazon Simple Storage Service" in str(describe(encode(received)))


def test_a_batch_of_a_release_without_costs_is_still_read() -> None:
    run = Run.start(Target("aws", "prod", "global", "cost"), DAY, 1, NOW)
    resource = instance(1)
    fields = msgspec.msgpack.decode(
        msgspec.msgpack.encode(Batch(run, 1, True, NOW, [resource], [], Points([], [], []), []))
    )
    body = zstandard.compress(msgspec.msgpack.encode(fields[:-1]))
    older = decode(MAGIC + bytes([1]) + body)
    assert isinstance(older, Batch)
    assert [one.key for one in older.resources] == [resource.key]
    assert older.costs == []


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"currency": "usd"}, "costs[0].currency"),
        ({"currency": ""}, "costs[0].currency"),
        ({"billed_cost": Decimal("NaN")}, "costs[0].billed_cost"),
        ({"amounts": {"NetUnblendedCost": Decimal("Infinity")}}, "costs[0].NetUnblendedCost"),
        ({"billed_cost": None}, "costs[0]"),
        ({"billed_cost": None, "quantity": Decimal(3)}, "costs[0]"),
        ({"start": DAY.start - timedelta(seconds=1)}, "costs[0].start"),
        ({"end": DAY.end + timedelta(seconds=1)}, "costs[0].start"),
        ({"end": DAY.start}, "costs[0].start"),
        ({"start": DAY.start.replace(tzinfo=None)}, "costs[0].start"),
        ({"charge_category": "Refund"}, "costs[0].charge_category"),
        ({"service_name": "x" * 3000}, "costs[0].service_name"),
        ({"tags": {"team": "\x00"}}, "costs[0].tags.team"),
        ({"resource_id": "\x00"}, "costs[0].resource_id"),
    ],
)
def test_an_impossible_line_is_refused_by_name(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidRecord) as refusal:
        encode(msgspec.structs.replace(batch(line()), costs=[line(**changes)]))
    assert str(refusal.value).startswith(named) or named in str(refusal.value)


def test_lines_fill_batches_of_bounded_size() -> None:
    run = Run.start(Target("aws", "prod", "global", "cost"), DAY, 1, NOW)

    batches = list(build_batches(run, (line(resource_id=str(number)) for number in range(12_000)), NOW))
    assert sum(len(one.costs) for one in batches) == 12_000
    assert max(one.record_count for one in batches) <= 5_000
    assert [one.final for one in batches] == [False] * (len(batches) - 1) + [True]
