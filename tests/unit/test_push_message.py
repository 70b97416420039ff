"""The pushed message: its faults by name, its schema, and what it becomes."""

import json
import re
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from telemetry.batch import Batch, Outcome, Report
from telemetry.checks import check
from telemetry.codec import describe
from telemetry.errors import MalformedMessage, MessageError
from telemetry.push.batches import expand, messages_of
from telemetry.push.checks import MAX_PUSH, PushRefused, parse
from telemetry.push.message import Push, schema
from telemetry.push.sources import Pushers
from tests.support import pushing

NOW = datetime(2026, 11, 20, 5, 3, tzinfo=UTC)
SENT_AT = "2026-11-20T05:02:03Z"
message, body = partial(pushing.message, sent_at=SENT_AT), partial(pushing.body, sent_at=SENT_AT)
charges = partial(pushing.charges, sent_at=SENT_AT)
DOCS = Path(__file__).parents[2] / "docs"
SCHEMA = DOCS / "schemas" / "push.schema.json"


def _parse(text: bytes) -> Push:
    return parse(text, ["training"], NOW)


def _faults(**fields: Any) -> list[str]:
    with pytest.raises(PushRefused) as refused:
        _parse(body(**fields))
    return str(refused.value).splitlines()


def test_the_schema_in_the_docs_is_that_of_the_code() -> None:
    assert json.loads(SCHEMA.read_text(encoding="utf-8")) == json.loads(json.dumps(schema())), (
        "finfleet schema > docs/schemas/push.schema.json"
    )


def test_what_is_taken_is_valid_by_the_schema_and_what_is_not_is_not() -> None:
    validator = jsonschema.Draft202012Validator(schema())
    validator.check_schema(schema())
    for good in (body(), charges("2026-11-19", "1.5"), body(key="k", resources=[{"id": "a", "attributes": {"n": 1}}])):
        _parse(good)
        validator.validate(json.loads(good))
    for bad in (message(source="a b"), message(metrics=[{"name": "a"}]), message(more=1), {}):
        assert not validator.is_valid(bad)
        with pytest.raises(MessageError):
            _parse(json.dumps(bad).encode())


def test_the_messages_in_the_docs_are_taken_and_valid() -> None:
    examples = re.findall(r"```json\n(.*?)```", (DOCS / "push.md").read_text(encoding="utf-8"), re.DOTALL)
    assert len(examples) == 2
    for text in examples:
        jsonschema.Draft202012Validator(schema()).validate(json.loads(text))
        for one, _ in messages_of(text.encode(), Pushers.alone("training"), NOW):
            check(one)


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        (
            {"metrics": [{"name": "a", "value": float("inf")}]},
            "metrics[0].value: inf: write a number, such as 5 or 0.5",
        ),
        ({"metrics": [{"name": "a", "value": True}]}, "metrics[0].value: true: write a number, such as 5 or 0.5"),
        ({"metrics": [{"value": 1}]}, "metrics[0].name: it is missing: add it"),
        (
            {"metrics": [{"name": "a", "value": 1, "valeu": 2}]},
            "metrics[0].valeu: there is no such field: leave it out",
        ),
        ({"metrics": []}, "message: it holds nothing: add resources, metrics or costs"),
        ({"sent_at": "2026-11-20T05:13:01Z"}, "sent_at: 2026-11-20 05:13:01+00:00: is in the future"),
        (
            {"metrics": [{"name": "a", "value": 1, "time": "1970-01-01T00:00:01Z"}]},
            "metrics[0].time: 1970-01-01 00:00:01+00:00: must lie between the year 2000 and now",
        ),
        (
            {"metrics": [{"name": "a", "value": 1, "time": "2026-11-21T00:00:00Z"}]},
            "metrics[0].time: 2026-11-21 00:00:00+00:00: must lie between the year 2000 and now",
        ),
        (
            {"metrics": [{"name": "a", "value": 1}, {"name": "a", "value": 2}]},
            "metrics[1]: 'a': has a value at 2026-11-20 05:02:03+00:00 already, metrics[0]: give one",
        ),
        ({"sent_at": "0001-01-01T00:00:00+14:00"}, "sent_at: '0001-01-01T00:00:00+14:00': must lie between"),
        (
            {"metrics": [{"name": "a", "value": 1, "time": "9999-12-31T23:59:59-14:00"}]},
            "metrics[0].time: '9999-12-31T23:59:59-14:00': must lie between",
        ),
        ({"resources": [{"id": "a"}, {"id": "a"}]}, "resources[1].id: 'a': is resources[0] already: once"),
        ({"resources": [{"id": "x" * 2049}]}, "resources[0].id: "),
        ({"costs": [{"day": "2026-11-19", "charges": [{"currency": "USD"}]}]}, "costs[0].charges[0]: it has no amount"),
        ({"costs": [{"day": "2026-11-19", "charges": []}] * 2}, "costs[1].day: 2026-11-19: is costs[0] already"),
        (
            {"costs": [{"day": "2026-11-19", "charges": [{"currency": "usd", "billed_cost": "1"}]}]},
            "costs[0].charges[0].currency: 'usd': write it as USD",
        ),
        ({"resources": [{"id": str(number)} for number in range(5001)]}, "message: 5002 records: at most 5000"),
    ],
)
def test_a_fault_is_named_by_path_value_and_remedy(fields: dict[str, Any], fault: str) -> None:
    assert any(line.startswith(fault) for line in _faults(**fields)), _faults(**fields)


def test_of_very_many_faults_the_first_are_shown() -> None:
    faults = _faults(metrics=[{"name": "a", "value": "x"}] * 500)
    assert len(faults) == 21
    assert faults[-1] == "... and 480 more"


@pytest.mark.parametrize("text", [b"{", b'{"a": 1}}', b'{"source": "\xff\xfe"}', b'{"a": ' + b" " * MAX_PUSH + b"1}"])
def test_what_is_no_json_or_too_large_is_malformed(text: bytes) -> None:
    with pytest.raises(MalformedMessage):
        _parse(text)


def test_json_that_nests_without_end_is_refused() -> None:
    with pytest.raises(MessageError):
        _parse(b'{"source":' + b"[" * 100_000)


def test_the_same_message_becomes_the_same_batches_and_another_key_other_ones() -> None:
    def ids(**fields: Any) -> set[Any]:
        return {found.batch_id for found in expand(_parse(body(**fields))) if isinstance(found, Batch)}

    assert ids() == ids()
    assert ids(key="a") == ids(key="a", sent_at="2026-11-20T05:01:00Z")
    # In another span of five minutes, unless its metrics say their time.
    assert ids(key="a") != ids(key="a", sent_at="2026-11-20T05:05:00Z")
    timed = [{"name": "a", "value": 1, "time": "2026-11-20T05:02:03Z"}]
    assert ids(key="a", metrics=timed) == ids(key="a", metrics=timed, sent_at="2026-11-20T05:05:00Z")
    assert len({frozenset(ids(**fields)) for fields in ({}, {"key": "a"}, {"key": "b"})}) == 3
    assert ids() != ids(metrics=[{"name": "gpu_utilization", "value": 85.6}])


def test_each_window_has_a_run_of_its_own_and_every_message_passes_the_checks() -> None:
    times = [NOW - timedelta(minutes=5 * number) for number in range(40)]
    metrics = [{"name": "a", "value": 1, "time": time.isoformat()} for time in times]
    costs = [{"day": "2026-11-19", "charges": []}]
    found = [one for one, _ in messages_of(body(metrics=metrics, costs=costs), Pushers.alone("training"), NOW)]
    for one in found:
        check(one)
    reports = [one for one in found if isinstance(one, Report)]
    assert len({one.run.window for one in reports}) == len(reports) == 41
    assert [one.outcome for one in reports].count(Outcome.EMPTY) == 1
    batches = [one for one in found if isinstance(one, Batch)]
    assert {start for one in batches for start in one.points.start} == {int(time.timestamp()) for time in times}


def test_amounts_keep_every_digit_and_times_their_zone() -> None:
    exact = "123456789012345678901234.000000000000000001"
    (batch, _) = expand(_parse(charges("2026-11-19", exact)))
    assert isinstance(batch, Batch)
    assert str(batch.costs[0].billed_cost) == exact
    (batch, _) = expand(_parse(body(metrics=[{"name": "a", "value": 1, "time": "2026-11-20T07:02:03+02:00"}])))
    assert isinstance(batch, Batch)
    assert list(batch.points.start) == [int(datetime.fromisoformat(SENT_AT).timestamp())]


def test_a_person_sees_a_dead_push_as_it_was_sent() -> None:
    assert describe(body(source="nobody")) == {"pushed": message(source="nobody")}
    assert describe(b'{"half": ') == {"not a finfleet message": '{"half": ', "bytes": 9}
