"""Pushed JSON of any kind: its faults in words, of large messages as of small ones, and never without an end."""

import json
import time
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.errors import MalformedMessage, MessageError
from telemetry.push import reading as push_reading
from telemetry.push.checks import MAX_PUSH, PushRefused, parse
from telemetry.push.message import Push
from tests.support.hostile import hostile_bodies
from tests.support.hostile_bombs import PUSHED
from tests.support.pushing import SENT_AT, body, day, message

NOW = datetime.fromisoformat(SENT_AT) + timedelta(minutes=1)


def _said(text: bytes) -> str:
    try:
        parse(text, ["training"], NOW)
    except MessageError as error:
        return str(error)
    return "taken"


@pytest.fixture
def in_parts(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Says what is said of a message that is read part by part, however small."""

    def said(text: bytes) -> str:
        with monkeypatch.context() as patch:
            patch.setattr(push_reading, "_AT_ONCE", 0)
            return _said(text)

    return said


def test_large_messages_have_the_faults_of_small_ones(in_parts: Any) -> None:
    pushes = (item for item in hostile_bodies(5, bomb_every=0) if item[0].startswith("push/"))
    for kind, text in islice(pushes, 1500):
        small, large = _said(text), in_parts(text)
        assert "taken" not in {small, large}, kind
        unlike = ("not JSON", "bytes beside", "digits in a row", "more")
        if b"NaN" not in text and not any(word in said for word in unlike for said in (small, large)):
            # In another order: what is not in a list comes first.
            assert sorted(large.splitlines()) == sorted(small.splitlines()), kind


def test_a_large_message_is_the_same_message(in_parts: Any) -> None:
    metrics = [{"name": f"m{n}", "value": n / 7, "resource": "gpu"} for n in range(2000)]
    costs = [{"day": day(back), "charges": [{"currency": "USD", "billed_cost": "1.5"}] * 3} for back in (2, 1)]
    text = body(resources=[{"id": "gpu", "tags": {"a": "\u00e9"}}], metrics=metrics, costs=costs, key="k")
    whole = Push.model_validate_json(text)
    assert len(text) > push_reading._AT_ONCE
    assert parse(text, ["training"], NOW) == whole
    assert parse(text, ["training"], NOW).model_dump_json() == whole.model_dump_json()


def test_the_metric_that_is_not_a_number_is_named_in_a_large_message() -> None:
    metrics = [{"name": f"m{n}", "value": 1.5} for n in range(2000)]
    metrics[1234]["value"] = float("nan")
    assert _said(body(metrics=metrics)) == "metrics[1234].value: inf: write a number, such as 5 or 0.5"


def test_the_search_for_faults_ends(in_parts: Any) -> None:
    refused = _said(body(metrics=[{"name": "a", "value": "x"}] * 4000)).splitlines()
    assert len(refused) == push_reading.MAX_FAULTS + 1
    assert refused[-1] == "... and more"


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"resources": [{"id": "a", "tags": {str(n): "" for n in range(257)}}]}, "resources[0].tags: "),
        ({"resources": [{"id": "a", "tags": {str(n): "x" * 2000 for n in range(200)}}]}, "resources[0]: 40"),
        ({"resources": [{"id": "a", "tags": {"k": "a\0"}}]}, "resources[0].tags.k: "),
        (
            {"resources": [{"id": "a", "attributes": {"k": "a\0"}}]},
            "resources[0].attributes.k: 'a\\x00': must be a text",
        ),
        ({"resources": [{"id": "a", "attributes": {"k": "x" * 3000}}]}, "resources[0].attributes.k: 'xxx"),
        ({"metrics": [{"name": "a", "value": int("9" * 4000)}]}, "metrics[0]"),
        ({"notes": "x" * 70_000}, "message: 70"),
    ],
)
def test_what_is_too_much_is_named(fields: dict[str, Any], fault: str) -> None:
    said = _said(body(**fields))
    assert any(line.startswith(fault) for line in said.splitlines()), said


def test_descriptions_in_very_many_windows_are_refused() -> None:
    tags = {str(n): "x" * 1000 for n in range(200)}
    times = [(NOW - timedelta(minutes=5 * n)).isoformat() for n in range(900)]
    text = body(
        resources=[{"id": "gpu", "tags": tags}],
        metrics=[{"name": "a", "value": 1, "resource": "gpu", "time": at} for at in times],
    )
    assert "each counted in every span of five minutes" in _said(text)


@pytest.mark.parametrize("name", PUSHED)
def test_eight_megabytes_of_anything_are_refused_within_a_second(name: str) -> None:
    text = PUSHED[name]("training")
    assert len(text) <= MAX_PUSH
    start = time.process_time()
    with pytest.raises((PushRefused, MalformedMessage)) as refusal:
        parse(text, ["training"], NOW)
    assert time.process_time() - start < 1
    assert len(str(refusal.value)) < 10_000


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
        lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=5),
        max_leaves=20,
    ),
    st.sampled_from(["source", "sent_at", "key", "resources", "metrics", "costs", "other"]),
)
def test_any_value_of_any_field_is_taken_or_refused_in_words(value: Any, field: str) -> None:
    text = json.dumps(message(**{field: value})).encode()
    assert _said(text)
