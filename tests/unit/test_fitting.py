"""Batches stay within what a reader takes, whatever the tags; what no message can hold is left out and counted."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from telemetry import wire, wire_columns
from telemetry.batch import Batch
from telemetry.builder import build_batches, unpack
from telemetry.codec import MAX_BODY, decode, encode
from telemetry.costs import CostLine
from telemetry.errors import InvalidRecord
from telemetry.fitting import fit_resource
from telemetry.limits import MAX_BATCH_SIZE, MAX_RECORD, MAX_TAGS
from telemetry.records import Record, Resource
from tests.support.messages import NOW, WINDOW, instance, make_batch, make_run, plain, point, rate

_replace = msgspec.structs.replace


def _tagged(number: int, tags: dict[str, str]) -> Resource:
    return _replace(instance(number), tags=tags)


def _line(**fields: Any) -> CostLine:
    return CostLine(start=WINDOW.start, end=WINDOW.end, currency="USD", billed_cost=Decimal(1), **fields)


def test_what_every_cloud_allows_fits_whole() -> None:
    allowed = [(50, 128, 256), (50, 512, 256), (64, 63, 63)]  # AWS, Azure, Google
    for count, key, value in allowed:
        tags = {f"{n:0{key}}": "\U0001f600" * value for n in range(count)}
        assert fit_resource(_tagged(1, tags)).tags == tags


def test_a_resource_with_too_many_tags_keeps_the_first_and_counts_the_rest() -> None:
    tags = {f"{n:04}": "x" for n in reversed(range(1000))}
    attributes = {f"{n:04}": n for n in range(1000)}
    (batch,) = build_batches(make_run(), [point(_replace(_tagged(1, tags), attributes=attributes))], NOW)
    copy = decode(encode(batch))
    assert isinstance(copy, Batch)
    (found,) = copy.resources
    assert sorted(found.tags) == [f"{n:04}" for n in range(MAX_TAGS)]
    assert found.attributes["tags_left_out"] == 1000 - MAX_TAGS
    assert found.attributes["attributes_left_out"] == 1000 - (MAX_TAGS - 2)
    assert len(found.attributes) == MAX_TAGS


@pytest.mark.parametrize("bad", ["x" * 2049, "a\0", "\ud800"])
def test_one_odd_tag_does_not_cost_the_window(bad: str) -> None:
    for tags in ({"good": "1", "odd": bad}, {"good": "1", bad: "odd"}):
        (batch,) = build_batches(make_run(), [_tagged(1, tags), instance(2)], NOW)
        decode(encode(batch))
        assert batch.resources[0].tags == {"good": "1"}
        assert batch.resources[0].attributes == {**instance(1).attributes, "tags_left_out": 1}
        assert batch.resources[1].tags == {"team": "search"}
    (batch,) = build_batches(make_run(), [_line(tags={"good": "1", "odd": bad})], NOW)
    assert batch.costs[0].tags == {"good": "1", "tags_left_out": "1"}
    encode(batch)


def test_more_tags_than_a_message_holds_are_refused_by_name() -> None:
    many = {str(n): "" for n in range(MAX_TAGS + 1)}
    large = {str(n): "x" * 2000 for n in range(200)}
    for field, tags, says in (("tags", many, f"at most {MAX_TAGS}"), ("tags", large, f"at most {MAX_RECORD} bytes")):
        batch = make_batch()
        spoilt = _replace(batch, resources=[_replace(batch.resources[0], **{field: tags}), *batch.resources[1:]])
        with pytest.raises(InvalidRecord, match=says) as refusal:
            encode(spoilt)
        assert str(refusal.value).startswith("resources[0]")


@pytest.mark.parametrize("character", ["x", "\u00e9", "\U0001f600"])
def test_no_batch_of_ours_is_more_than_a_reader_takes(character: str) -> None:
    records: list[Record] = []
    for number in range(300):
        resource = _tagged(number, {f"{n}": character * 400 for n in range(60)})
        records += [point(resource), rate(resource)]
    batches = list(build_batches(make_run(), records, NOW))
    assert len(batches) > 3
    assert [batch.number for batch in batches] == list(range(1, len(batches) + 1))
    for batch in batches:
        size = len(wire.decompress(encode(batch)))
        assert size < MAX_BATCH_SIZE + 2 * MAX_RECORD < MAX_BODY
    assert sum(len(list(unpack(batch))) for batch in batches) == len(records)


def test_large_messages_are_read_as_small_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    batch = make_batch(50)
    whole = decode(encode(batch))
    monkeypatch.setattr(wire_columns, "AT_ONCE", 0)
    assert plain(decode(encode(batch))) == plain(whole) == plain(batch)


def test_lines_of_many_digits_are_within_it_too() -> None:
    dear = {f"a{n}": Decimal("9" * 100) for n in range(MAX_TAGS)}
    batches = list(build_batches(make_run(), (_line(amounts=dear) for _ in range(600)), NOW))
    assert sum(len(batch.costs) for batch in batches) == 600
    for batch in batches:
        assert len(wire.decompress(encode(batch))) < MAX_BODY
    narrow = list(build_batches(make_run(), (_line(service_name="S3", tags={"team": "a"}) for _ in range(4990)), NOW))
    assert len(narrow) == 1
