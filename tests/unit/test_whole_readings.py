"""A resource of which a part was seen: on the wire, in a batch, and where it is forwarded to."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
import zstandard

from agents.destinations.openfinops.shape import telemetry_of, to_json
from agents.destinations.webhook import message
from telemetry.batch import Batch, Run
from telemetry.builder import build_batches
from telemetry.codec import MAGIC, SCHEMA, decode, encode
from telemetry.costs import CostLine
from telemetry.errors import InvalidRecord
from telemetry.push.batches import expand
from telemetry.push.message import Push
from telemetry.records import MetricPoint, Resource
from telemetry.target import Target, Window

START = datetime(2026, 11, 24, tzinfo=UTC)
RUN = Run.start(Target("gcp", "default", "global", "compute"), Window(START, START.replace(day=25)), 1, START)


def _resource(**said: Any) -> Resource:
    return Resource(provider="gcp", account="p", region="r", service="compute", resource_id="i-1", **said)


def _batch(*records: Any) -> Batch:
    (batch,) = build_batches(RUN, records, START)
    return batch


def _body(data: bytes) -> Any:
    return msgspec.msgpack.decode(zstandard.ZstdDecompressor().decompress(data[len(MAGIC) + 1 :]))


def _bytes(body: Any) -> bytes:
    return MAGIC + bytes([SCHEMA]) + zstandard.ZstdCompressor().compress(msgspec.msgpack.encode(body))


@pytest.mark.parametrize("whole", [True, False])
def test_it_comes_through_the_wire(whole: bool) -> None:
    decoded = decode(encode(_batch(_resource(whole=whole))))
    assert isinstance(decoded, Batch)
    assert decoded.resources[0].whole is whole


def test_a_message_of_an_older_release_is_of_whole_readings() -> None:
    body = _body(encode(_batch(_resource(name="vm-1"))))
    resources = next(part for part in body if isinstance(part, list) and part and isinstance(part[0], list))
    assert resources[0].pop() is True, "the last field is the new one"
    decoded = decode(_bytes(body))
    assert isinstance(decoded, Batch)
    assert (decoded.resources[0].name, decoded.resources[0].whole) == ("vm-1", True)


def test_an_older_reader_passes_over_what_it_does_not_know() -> None:
    class Older(msgspec.Struct, array_like=True):
        provider: str
        account: str

    packed = msgspec.msgpack.encode(_resource(whole=False))
    assert msgspec.msgpack.decode(packed, type=Older).account == "p"


def test_of_one_batch_the_whole_reading_counts() -> None:
    assert _batch(_resource(whole=False), _resource(name="vm-1")).resources[0].name == "vm-1"
    assert _batch(_resource(name="vm-1"), _resource(whole=False)).resources[0].name == "vm-1"


def test_a_destination_is_not_told_that_it_is_empty() -> None:
    part, whole = _batch(_resource(name="vm-1", whole=False)), _batch(_resource(name="vm-1"))
    (posted,) = json.loads(message.encode(part))["data"]["resources"]
    assert posted["whole"] is False
    assert posted.keys() & {"type", "tags"} == set()
    (whole_posted,) = json.loads(message.encode(whole))["data"]["resources"]
    assert "whole" not in whole_posted
    sent = json.loads(to_json(telemetry_of(part, "h")))["metrics"]["services"]["compute"]["resources"][0]
    assert sent.keys() & {"type", "tags"} == set()
    assert (sent["name"], sent["whole"], sent["metrics"]) == ("vm-1", False, [])
    sent = json.loads(to_json(telemetry_of(whole, "h")))["metrics"]["services"]["compute"]["resources"][0]
    assert (sent["type"], sent["tags"], "whole" in sent) == ("", {}, False)


def _pushed(**more: Any) -> list[Resource]:
    metric = {"name": "loss", "value": 0.5}
    push = Push.model_validate_json(
        json.dumps({"source": "training", "sent_at": "2026-11-24T00:00:00Z", "metrics": [metric], **more})
    )
    return [one for sent in expand(push) if isinstance(sent, Batch) for one in sent.resources]


def test_a_source_that_a_push_does_not_describe_keeps_its_description() -> None:
    (named,) = _pushed()
    assert (named.resource_id, named.type, named.whole) == ("training", "source", False)
    (described,) = _pushed(resources=[{"id": "training", "tags": {"team": "ml"}}])
    assert (described.tags, described.whole) == ({"team": "ml"}, True)


def test_a_push_that_names_a_resource_for_its_values_alone_keeps_its_description() -> None:
    metric = {"name": "loss", "value": 0.5, "resource": "gpu-1"}
    for said, whole in (({}, False), ({"name": "one"}, True), ({"attributes": {"rack": 3}}, True)):
        named = _pushed(resources=[{"id": "gpu-1", **said}], metrics=[metric])
        assert [one.whole for one in named] == [whole], said


def _line(**more: Any) -> CostLine:
    window = RUN.window
    return CostLine(start=window.start, end=window.end, currency="USD", billed_cost=Decimal(1), **more)


def test_the_billing_period_of_a_line_is_checked() -> None:
    month = (datetime(2026, 12, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
    good = decode(encode(_batch(_line(billing_period_start=month[0], billing_period_end=month[1]), _line())))
    assert isinstance(good, Batch)
    assert [line.billing_period_start for line in good.costs] == [month[0], None]
    for start, end in ((month[1], month[0]), (month[0], None), (None, month[0]), (datetime(2026, 12, 1), month[1])):  # noqa: DTZ001 - the fault
        with pytest.raises(InvalidRecord, match="billing_period_start"):
            encode(_batch(_line(billing_period_start=start, billing_period_end=end)))


def test_a_point_brings_a_part_along() -> None:
    seen: dict[str, Any] = {"resource": _resource(whole=False), "start": START, "period": 60, "value": 1.0}
    point = MetricPoint(metric="m", source_metric="m", unit="", statistic="sum", **seen)
    assert _batch(point).resources[0].whole is False
