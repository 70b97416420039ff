"""The figures that metrics show are those of the database, the broker and the messages; what is away is left out."""

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import redis
from prometheus_client import Metric
from pydantic import SecretStr

from agents.core.context import utc_now
from storage import dead_letters
from storage.database import Database
from storage.writer import Undecodable, take_in
from tasks.app import make_app
from tasks.results import open_carrier
from tasks.spend import RedisSpend
from telemetry.batch import ApiUse
from telemetry.settings import Settings, load_settings
from telemetry.target import Target
from tests.support import manifests, writing
from tests.support.waiting import until
from workers.embedded import EmbeddedValkey
from workers.metrics.fleet import FleetCollector
from workers.metrics.ingest import IngestMetrics
from workers.metrics.registry import REGISTRY

_CONFIG = """
aws: {services: [ec2], regions: [us-east-1], budget_usd_per_day: 2, accounts: [{name: one}, {name: two}]}
generic: {services: [host], queue: collect.here}
"""


@pytest.fixture
def settings(database_url: str, redis_url: str, tmp_path: Path) -> Settings:
    path = tmp_path / "telemetry.yaml"
    path.write_text(_CONFIG, encoding="utf-8")
    return load_settings(path, {"FINFLEET_DATABASE_URL": database_url, "FINFLEET_BROKER_URL": redis_url})


def _values(metrics: Iterator[Metric]) -> dict[tuple[str, ...], float]:
    return {(sample.name, *sample.labels.values()): sample.value for metric in metrics for sample in metric.samples}


def test_the_fleet_as_the_planner_shows_it(database: Database, settings: Settings, redis_url: str) -> None:
    with database.connection() as connection:
        writing.plan(connection)
        run = writing.run()
        writing.put(connection, writing.batch(run), writing.report(run))
        dead_letters.dead_letter(connection, [dead_letters.Letter(b"x", "malformed", "x")], utc_now())
        other = Target("aws", "default", "eu-west-1", "ec2")
        writing.plan(connection, other, state="failed")
        writing.plan(connection, Target("aws", "default", "eu-west-2", "ec2"), state="planned")
        due = utc_now() - timedelta(seconds=90)
        connection.execute("UPDATE finfleet.collections SET due_at = %s WHERE state = 'planned'", (due,))
        connection.execute("UPDATE finfleet.targets SET denied_until = now() WHERE region = 'eu-west-2'")
    app = make_app(settings)
    with closing(open_carrier(SecretStr(redis_url))) as carrier, closing(carrier.publisher()) as publisher:
        publisher.publish(b"a result", message_id="1")
        app.send_task("tasks.plan.sweep", queue="plan")
        for day in (utc_now(), utc_now() + timedelta(days=1)):  # it may be over before it is looked at
            RedisSpend(redis.Redis.from_url(redis_url)).reserve(f"aws/two/{day:%Y-%m-%d}", Decimal("0.5"), Decimal(2))
        seen = _values(FleetCollector(settings, app).collect())
    assert seen["finfleet_windows", "aws", "failed"] == 1
    assert seen["finfleet_windows", "aws", "planned"] == 1
    assert 90 <= seen["finfleet_due_age_seconds", "aws"] < 200
    assert seen["finfleet_targets", "aws", "ec2"] == 3
    assert seen["finfleet_targets_denied", "aws", "ec2"] == 1
    # Two of them have nothing since the first of January.
    assert seen["finfleet_ledger_lag_seconds", "aws", "ec2"] > 300 * 86400
    assert seen["finfleet_outbox_batches", "openfinops", "pending"] == 1
    assert seen["finfleet_outbox_oldest_age_seconds", "openfinops", "pending"] >= 0
    assert seen["finfleet_dead_letters_waiting", "malformed"] == 1
    assert seen["finfleet_results_messages",] == 1
    assert seen["finfleet_task_queue_messages", "plan"] == 1
    assert seen["finfleet_task_queue_messages", "collect.here"] == 0
    assert seen["finfleet_api_budget_used_ratio", "aws"] == 0.25
    assert {value for (name, *_), value in seen.items() if name == "finfleet_sources_unavailable"} == {0}
    app.close()


def test_what_cannot_be_asked_is_left_out(database_url: str, valkey: EmbeddedValkey, tmp_path: Path) -> None:
    path = tmp_path / "telemetry.yaml"
    path.write_text(_CONFIG, encoding="utf-8")
    broker = valkey.url.get_secret_value()
    settings = load_settings(path, {"FINFLEET_DATABASE_URL": database_url, "FINFLEET_BROKER_URL": broker})
    collector = FleetCollector(settings, make_app(settings))
    valkey.stop()
    seen = _values(collector.collect())
    away = {key[1]: value for key, value in seen.items() if key[0] == "finfleet_sources_unavailable"}
    assert away == {"database": 0, "results": 1, "queues": 1, "budgets": 1}
    assert not [name for name, *_ in seen if name.startswith(("finfleet_results", "finfleet_task_queue"))]


def test_what_comes_twice_is_counted_once(database: Database) -> None:
    counted = IngestMetrics()

    def value(name: str, **labels: str) -> float:
        return REGISTRY.get_sample_value(name, labels) or 0.0

    api = {"provider": "aws", "api": "cloudwatch:GetMetricData"}
    priceless = {"provider": "aws", "api": "test:NoPrice"}
    ec2 = {"provider": "aws", "service": "ec2"}
    names = [
        ("finfleet_records_written_total", ec2),
        ("finfleet_collections_total", {**ec2, "outcome": "complete"}),
        ("finfleet_collection_duration_seconds_count", ec2),
        ("finfleet_api_calls_total", api),
        ("finfleet_api_throttles_total", api),
        ("finfleet_api_cost_usd_total", api),
        ("finfleet_api_unpriced_calls_total", priceless),
        ("finfleet_api_cost_usd_total", priceless),
        ("finfleet_windows_settled_total", {"state": "complete"}),
        ("finfleet_dead_letters_total", {"code": "malformed"}),
        ("finfleet_duplicate_messages_total", {}),
    ]
    before = [value(name, **labels) for name, labels in names]
    with database.connection() as connection:
        writing.plan(connection)
        run = writing.run()
        apis = [ApiUse(api["api"], 8, 2, Decimal("0.25")), ApiUse("test:NoPrice", 5, 0, None)]
        messages = writing.received(writing.batch(run), writing.report(run, apis=apis))
        for undecodable in ([Undecodable(b"?", "malformed", "it is no message")], []):
            counted.count(take_in(connection, messages, undecodable, destinations=[], now=writing.NOW))
    after = [value(name, **labels) for name, labels in names]
    records = 2.0  # a resource and a point
    assert [new - old for new, old in zip(after, before, strict=True)] == [records, 1, 1, 8, 2, 0.25, 5, 0, 1, 1, 2]


def test_what_scales_the_fleet_counts_what_waits(redis_url: str, settings: Settings) -> None:
    """KEDA's triggers read a list's length and a group's lag: they have to be those of our queues."""
    scaled = {
        document["spec"]["scaleTargetRef"]["name"]: document["spec"]["triggers"][0]["metadata"]
        for _, document in manifests.kubernetes()
        if document["kind"] == "ScaledObject"
    }
    app = make_app(settings)
    stream = scaled["ingest"]
    with (
        closing(open_carrier(SecretStr(redis_url))) as carrier,
        closing(carrier.publisher()) as publisher,
        redis.Redis.from_url(redis_url, protocol=2) as client,
    ):
        for number in range(5):
            app.send_task("tasks.collect.collect", queue=scaled["worker-aws"]["listName"])
            publisher.publish(b"a result", message_id=str(number))
        assert client.llen(scaled["worker-aws"]["listName"]) == 5

        def lag() -> object:
            (group,) = client.xinfo_groups(stream["stream"])
            assert group["name"] == stream["consumerGroup"].encode()
            return group["lag"]

        assert lag() == 5
        with closing(carrier.consumer()) as consumer:
            taken = consumer.receive(2, 10)
            assert lag() == 3
            consumer.ack(taken)
        until(lambda: lag() == 3, what="a trimmed stream still knows its lag")
    app.close()
