"""The generic agent's collectors and what their dictionaries become. No sockets."""

import json
import logging
import math
import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from agents.generic.metrics import push_message
from agents.generic_telemetry_agent import GenericTelemetryAgent
from telemetry.errors import CollectionFailed, ConfigError, InvalidRecord
from telemetry.push.checks import parse

NOW = datetime(2026, 11, 24, 5, tzinfo=UTC)


@pytest.fixture
def agent() -> GenericTelemetryAgent:
    return GenericTelemetryAgent(timeout=5)


def test_the_samples_of_the_reference_run() -> None:
    agent = GenericTelemetryAgent(endpoint="https://your-metrics-api.com", api_key="your-api-key")

    def collect_custom_metrics() -> dict[str, Any]:
        return {"metric1": 123.45, "metric2": 678.90, "timestamp": datetime.now()}  # noqa: DTZ005 - as the reference

    agent.register_metric_collector("custom_source", collect_custom_metrics)
    everything = agent.collect_metrics()
    one = agent.collect_metrics(source_name="custom_source")
    assert everything.keys() == {"custom_source"}
    assert one["metric1"] == everything["custom_source"]["metric1"] == 123.45
    agent.close()


def test_one_that_raises_or_hangs_is_told_of_and_harms_no_other(
    caplog: pytest.LogCaptureFixture, request: pytest.FixtureRequest
) -> None:
    agent = GenericTelemetryAgent(timeout=1)
    free = threading.Event()
    request.addfinalizer(free.set)
    calls: list[int] = []

    def hangs() -> dict[str, Any]:
        calls.append(1)
        free.wait()
        return {}

    def raises() -> dict[str, Any]:
        raise ValueError("no such sensor")

    agent.register_metric_collector("hangs", hangs)
    agent.register_metric_collector("raises", raises)
    agent.register_metric_collector("wrong", lambda: 5)  # type: ignore[arg-type,return-value]  # what is being tested
    agent.register_metric_collector("good", lambda: {"a": 1})
    with caplog.at_level(logging.WARNING):
        assert agent.collect_metrics() == {"good": {"a": 1}}
    assert agent.failures == {
        "hangs": "no answer within 1 s: give it a time-out of its own",
        "raises": "ValueError: no such sensor",
        "wrong": "it returned int: return a dictionary of numbers by name",
    }
    assert "collector raises: ValueError: no such sensor" in caplog.text
    # While it hangs it is not called again: each call would cost a thread.
    assert agent.collect_metrics() == {"good": {"a": 1}}
    assert agent.failures["hangs"].startswith("its last call has not ended yet")
    assert len(calls) == 1
    with pytest.raises(CollectionFailed, match="collector raises: ValueError"):
        agent.collect_metrics("raises")


def test_an_unknown_name_says_which_there_are(agent: GenericTelemetryAgent) -> None:
    agent.register_metric_collector("a", dict)
    with pytest.raises(LookupError, match="no collector is registered as 'b'; there are: a"):
        agent.collect_metrics("b")


def test_it_collects_in_the_background(agent: GenericTelemetryAgent) -> None:
    seen = threading.Event()
    agent.register_metric_collector("a", lambda: {"n": 1})
    agent.start_collection(60, on_collected=lambda *_: seen.set())
    assert seen.wait(10)
    assert agent.latest == {"a": [{"n": 1}]}
    with pytest.raises(RuntimeError, match="collecting already"):
        agent.start_collection(60)
    agent.close()


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ({"source": "a/b"}, "source: 'a/b'"),
        ({"timeout": 0}, "timeout: 0"),
        ({"endpoint": "http://metrics.example.com"}, "plain http"),
        ({"endpoint": "https://user:canary-word@metrics.example.com"}, "it holds a user or password"),
        ({"endpoint": "https://metrics.example.com", "api_key": "${FINFLEET_NO_SUCH}"}, "FINFLEET_NO_SUCH is not set"),
    ],
)
def test_arguments_that_cannot_be_right_are_refused(arguments: Mapping[str, Any], fault: str) -> None:
    with pytest.raises(ConfigError) as refused:
        GenericTelemetryAgent(**arguments)
    assert fault in str(refused.value)
    assert "canary-word" not in str(refused.value)


@pytest.mark.parametrize("destination", ["nowhere", "openfinops"])
def test_a_destination_that_is_not_there_is_refused(agent: GenericTelemetryAgent, destination: str) -> None:
    with pytest.raises(ConfigError, match=r"destination: 'nowhere': there are: openfinops|endpoint: None"):
        agent.push_metrics({"a": 1}, destination=destination)


def _metrics(metrics: Any) -> dict[tuple[str, str], float]:
    push = parse(push_message("s", metrics, NOW), ["s"], NOW)
    return {(metric.resource or "", metric.name): metric.value for metric in push.metrics}


def test_every_form_of_dictionaries_becomes_metrics() -> None:
    assert _metrics({"a": 1, "b": Decimal("2.5")}) == {("s", "a"): 1, ("s", "b"): 2.5}
    assert _metrics({"n1": {"a": 1}, "n2": {"a": 2}}) == {("n1", "a"): 1, ("n2", "a"): 2}
    assert _metrics([{"a": 1}, {"b": 2}]) == {("s", "a"): 1, ("s", "b"): 2}
    assert _metrics({"c": 3, "n1": {"a": 1}}) == {("s", "c"): 3, ("n1", "a"): 1}


def test_what_is_not_known_is_left_out_and_texts_describe() -> None:
    push = parse(push_message("s", {"a": None, "b": math.nan, "c": 1, "zone": "b", "on": True}, NOW), ["s"], NOW)
    assert [metric.name for metric in push.metrics] == ["c"]
    assert push.resources[0].attributes == {"zone": "b", "on": True}


@pytest.mark.parametrize(
    "when",
    [
        NOW - timedelta(minutes=1),
        (NOW - timedelta(minutes=1)).astimezone(timezone(timedelta(hours=5))),
        (NOW - timedelta(minutes=1)).astimezone().replace(tzinfo=None),  # of this machine
        (NOW - timedelta(minutes=1)).timestamp(),
        "2026-11-24T04:59:00Z",
    ],
)
def test_a_timestamp_is_the_time_of_its_neighbours(when: Any) -> None:
    push = parse(push_message("s", {"a": 1, "timestamp": when}, NOW), ["s"], NOW)
    assert [metric.time for metric in push.metrics] == [NOW - timedelta(minutes=1)]


@pytest.mark.parametrize(
    ("metrics", "fault"),
    [
        ({"a": math.inf}, "s.a: inf: a finite number"),
        ({"a": 10**400}, "s.a: 1000"),
        ({"a": "\ud800"}, "metrics: .*half a character"),
        ({"a": [1]}, r"s.a: \[1\]: a number"),
        ({"a": 1, "timestamp": "yesterday"}, "s.timestamp: 'yesterday': a time"),
        ({"a": 1, "timestamp": []}, "s.timestamp"),
        ("a=1", "metrics: 'a=1': a dictionary"),
    ],
)
def test_what_is_no_metric_is_named(metrics: Any, fault: str) -> None:
    with pytest.raises(InvalidRecord, match=fault):
        push_message("s", metrics, NOW)


def test_the_same_thing_twice_keeps_the_last_value() -> None:
    assert _metrics([{"a": 1}, {"a": 2}]) == {("s", "a"): 2}
    assert json.loads(push_message("s", {}, NOW))["resources"] == [{"id": "s", "attributes": {}}]
