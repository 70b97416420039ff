"""Webhooks on the wire: what a receiver of its owner's gets, verifies, and answers."""

import base64
import json
import logging
import pickle
import time
import traceback
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from agents.core.destination import Destination, open_destination
from agents.destinations.webhook.message import encode, schema
from storage.database import Database
from telemetry.batch import Batch, Points
from telemetry.costs import CostLine
from telemetry.errors import ConfigError, ForwardError, ForwardRefused, ForwardRejected, ForwardRetry
from telemetry.settings import Settings
from telemetry.target import format_time
from tests.support.forwarding import forwarding, nothing_waits
from tests.support.outbox import EC2, add_target, make_batch, put
from tests.support.receiving import verified
from tests.support.scripted_http import Reply, ScriptedServer
from tests.support.waiting import until

SECRET = "whsec_" + base64.b64encode(b"canary-of-thirty-two-bytes-or-so").decode()
FORMER = "whsec_" + base64.b64encode(b"another-of-thirty-two-bytes-here").decode()
TAKEN = Reply(204, b"", {})


def webhook(url: str, **more: Any) -> Destination:
    section = {"kind": "webhook", "url": url, "secret": SECRET, "timeout": 5, **more}
    settings = Settings.model_validate({"destinations": {"finance": section}})
    return open_destination("finance", settings.known_destinations["finance"])


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer(lambda _: TAKEN) as server:
        yield server


def bill(batch: Batch) -> Batch:
    window = batch.run.window
    line = CostLine(
        start=window.start,
        end=window.end,
        currency="EUR",
        billed_cost=Decimal("0.1000000000000000001"),
        tags={"a": "b"},
    )
    return msgspec.structs.replace(batch, costs=[line, msgspec.structs.replace(line, breakdown="region")])


def test_a_receiver_verifies_it_and_reads_what_the_schema_says(server: ScriptedServer) -> None:
    batch = msgspec.structs.replace(bill(make_batch()), partial=("prices of 1 instance: no pricing:GetProducts",))
    with webhook(f"{server.url}/hooks/finance/") as destination:
        assert destination.send(batch) == ""
    (request,) = server.requests
    assert (request.method, request.path) == ("POST", "/hooks/finance/")  # as it was written
    message = verified(SECRET, request.headers, request.raw, time.time())
    jsonschema.Draft202012Validator(schema()).validate(message)
    assert message["type"] == "finfleet.batch"
    data = message["data"]
    assert (data["provider"], data["account"], data["region"], data["service"]) == ("aws", "prod", "us-east-1", "ec2")
    assert data["window_start"] == format_time(batch.run.window.start)
    assert data["resources"][0]["id"] == "i-0000"
    metric = data["metrics"][1]
    assert (metric["resource"], metric["metric"], metric["unit"], metric["points"][0]["value"]) == (
        1,
        "cpu_utilization",
        "percent",
        20.0,
    )
    assert data["rates"][0]["amount_per_hour"] == "0.0960"  # as the price list has it, to the last zero
    assert data["costs"][0]["billed_cost"] == "0.1000000000000000001"
    assert "effective_cost" not in data["costs"][0]  # not known, and not zero
    assert data["costs"][1]["breakdown"] == "region"
    assert data["partial"] == [*batch.partial]


def test_a_message_that_was_changed_or_is_old_or_of_another_secret_is_not_verified(server: ScriptedServer) -> None:
    with webhook(server.url) as destination:
        destination.send(make_batch())
    (request,) = server.requests
    for secret, body, now in (
        (SECRET, request.raw + b" ", time.time()),
        (FORMER, request.raw, time.time()),
        (SECRET, request.raw, time.time() + 301),
    ):
        with pytest.raises(AssertionError):
            verified(secret, request.headers, body, now)


def test_while_secrets_change_either_verifies(server: ScriptedServer) -> None:
    with webhook(server.url, previous_secret=FORMER) as destination:
        destination.send(make_batch())
    (request,) = server.requests
    for secret in (SECRET, FORMER):
        verified(secret, request.headers, request.raw, time.time())


def test_a_replayed_entry_bears_the_same_key_and_the_same_body(database: Database, server: ScriptedServer) -> None:
    batch = make_batch()
    answers = iter([Reply(500, b"no", {}), Reply(503, b"", {"Retry-After": "0"}), TAKEN])
    server.script = lambda _: next(answers)
    with database.connection() as connection:
        put(connection, add_target(connection, EC2), batch)
        connection.execute(b"UPDATE finfleet.outbox SET destination = 'finance'")
    with webhook(server.url) as destination, forwarding(database, destination, name="finance"):
        until(lambda: nothing_waits(database), 30)
    assert [request.headers["webhook-id"] for request in server.requests] == [str(batch.batch_id)] * 3
    assert len({request.raw for request in server.requests}) == 1
    for request in server.requests:
        verified(SECRET, request.headers, request.raw, time.time())


@pytest.mark.parametrize(
    ("reply", "error", "wait"),
    [
        (Reply(500), ForwardRetry, None),
        (Reply(503, b"", {"Retry-After": "7"}), ForwardRetry, 7.0),
        (Reply(429, b"", {"Retry-After": "3"}), ForwardRetry, 3.0),
        (Reply(429), ForwardRetry, 5.0),
        (Reply(302, b"", {"Location": "https://elsewhere.example/"}), ForwardRetry, 60.0),
        (Reply(401), ForwardRetry, 60.0),
        (Reply(404), ForwardRetry, 60.0),
        (Reply(410), ForwardRetry, 60.0),
        (Reply(400), ForwardRefused, None),
        (Reply(413), ForwardRefused, None),
        (Reply(422), ForwardRefused, None),
    ],
)
def test_what_an_answer_means(
    server: ScriptedServer, reply: Reply, error: type[ForwardError], wait: float | None
) -> None:
    server.script = lambda _: reply
    with webhook(server.url) as destination, pytest.raises(error) as raised:
        destination.send(make_batch())
    assert getattr(raised.value, "retry_after", None) == wait
    assert len(server.requests) == 1  # no redirect is followed


def test_an_answer_without_an_end_is_cut(server: ScriptedServer) -> None:
    server.script = lambda _: Reply(400, b"x" * 1_000_000, {})
    with webhook(server.url) as destination, pytest.raises(ForwardRefused) as raised:
        destination.send(make_batch())
    assert len(str(raised.value)) < 400


def test_a_number_that_json_lacks_is_not_sent(server: ScriptedServer) -> None:
    batch = msgspec.structs.replace(make_batch(), points=Points([0], [0], [float("nan")]))
    with webhook(server.url) as destination, pytest.raises(ForwardRejected, match="must be finite"):
        destination.send(batch)
    assert server.requests == []


@pytest.mark.parametrize(
    "secret", ["canary-not-base64!", "whsec_" + base64.b64encode(b"canary").decode(), "whsec_\u0663canary"]
)
def test_a_weak_secret_is_refused_unseen(secret: str) -> None:
    with pytest.raises(ConfigError, match="openssl rand") as raised:
        webhook("https://hooks.example", secret=secret)
    assert secret not in str(raised.value)
    assert "destinations.finance" in str(raised.value)


@pytest.mark.parametrize(
    "url",
    ["http://hooks.example/x", "https://user:canary@hooks.example", "https://hooks.example?key=canary", "ftp://x"],
)
def test_an_address_is_https_or_this_machine_and_holds_no_secret(url: str) -> None:
    with pytest.raises(ValueError, match="url") as raised:
        webhook(url)
    assert "canary" not in str(raised.value)


def test_secrets_show_nowhere(server: ScriptedServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    server.script = lambda _: Reply(400, f'{{"error": "{SECRET} {SECRET[6:]}"}}'.encode())
    with webhook(f"{server.url}/path-is-secret-too", previous_secret=FORMER) as destination:
        texts = [repr(destination), destination.label]
        try:
            destination.send(make_batch())
        except ForwardError as error:
            texts += [str(error), repr(pickle.dumps(error)), "".join(traceback.format_exception(error))]
    ours = [record.getMessage() for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))]
    everything = "\n".join([*texts, *ours])
    for secret in (SECRET, SECRET[6:], FORMER, FORMER[6:], "path-is-secret-too"):
        assert secret not in everything


def test_the_schema_in_the_docs_is_that_of_the_code() -> None:
    path = Path(__file__).parents[2] / "docs" / "schemas" / "webhook.schema.json"
    assert json.loads(path.read_text(encoding="utf-8")) == schema(), (
        "finfleet schema webhook > docs/schemas/webhook.schema.json"
    )
    jsonschema.Draft202012Validator.check_schema(schema())


def test_the_same_batch_is_the_same_bytes() -> None:
    batch = bill(make_batch())
    assert encode(batch) == encode(batch)
