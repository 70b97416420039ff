"""The writer: the same messages, in any order, delivered again, in any transactions, give the same tables (I4)."""

import itertools
from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql
from pydantic import SecretStr

from storage.database import Connection, Database
from telemetry.batch import Batch, Message, Outcome
from tests.support import writing as w

_TABLES = ("outbox", "batches", "runs", "points", "cost_rates", "series", "resources", "collections", "targets")
_RESOURCES = ("i-1", "i-2", "i-3")


@dataclass(frozen=True)
class Plan:
    """The messages of several runs of one window, and an order to deliver them in."""

    messages: list[Message]
    #: Places in ``messages``, each at least once.
    deliveries: list[int]
    #: Sizes of transactions.
    cuts: list[int]


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    messages: list[Message] = []
    for place in range(draw(st.integers(2, 4))):
        run = w.run(attempt=draw(st.integers(1, 3)), second=place)
        count = draw(st.integers(0, 3))
        for number in range(1, count + 1):
            chosen = draw(st.lists(st.tuples(st.sampled_from(_RESOURCES), st.integers(0, 1)), min_size=1, unique=True))
            value = 100.0 * place + number
            priced = draw(st.lists(st.sampled_from(_RESOURCES), unique=True))
            points = [(name, minute, value) for name, minute in chosen]
            messages.append(w.batch(run, number, points, [(name, 0, f"{value:.2f}") for name in priced]))
        well = Outcome.COMPLETE if count else Outcome.EMPTY
        messages.append(w.report(run, draw(st.sampled_from([well, well, Outcome.RETRYING, Outcome.FAILED])), count))
    again = draw(st.lists(st.integers(0, len(messages) - 1), max_size=4))
    deliveries = draw(st.permutations([*range(len(messages)), *again]))
    return Plan(messages, list(deliveries), draw(st.lists(st.integers(1, 4), min_size=1)))


def outcome(url: str, messages: list[Message], deliveries: list[int], cuts: list[int]) -> dict[str, Any]:
    """Everything that must not hang from the order."""
    # A connection of its own, since what is remembered of the rows goes with it.
    with Database(SecretStr(url), size=1) as database, database.connection() as connection:
        names = sql.SQL(", ").join(sql.Identifier("finfleet", name) for name in _TABLES)
        connection.execute(sql.SQL("TRUNCATE {} RESTART IDENTITY CASCADE").format(names))
        w.plan(connection, attempt=3)
        rest, sizes = list(deliveries), itertools.cycle(cuts)
        while rest:
            size = next(sizes)
            w.put(connection, *[messages[place] for place in rest[:size]])
            rest = rest[size:]
        return tables(connection)


def tables(connection: Connection) -> dict[str, Any]:
    runs = "SELECT run_id, batches_committed, records_committed, outcome FROM finfleet.runs ORDER BY run_id"
    resources = "SELECT name, type, first_seen FROM finfleet.resources ORDER BY name"
    ledger = ("state", "failures", "records", "settled_run", "newest_attempt", "newest_started_at", "refresh_at")
    return {
        "points": w.points(connection),
        "rates": w.rates(connection),
        "ledger": w.ledger(connection, *ledger),
        "runs": connection.execute(runs).fetchall(),
        "resources": connection.execute(resources).fetchall(),
        "outbox": sorted(w.outbox(connection)),
    }


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plan=plans())
def test_the_tables_do_not_hang_from_the_order(database_url: str, plan: Plan) -> None:
    in_order = outcome(database_url, plan.messages, list(range(len(plan.messages))), [len(plan.messages)])
    assert outcome(database_url, plan.messages, plan.deliveries, plan.cuts) == in_order
    assert in_order["points"] == newest_values(plan.messages)


def newest_values(messages: list[Message]) -> dict[tuple[str, int], float]:
    """Said once more, without a database: later batches replace the values of earlier ones."""
    values: dict[tuple[str, int], float] = {}
    batches = [message for message in messages if isinstance(message, Batch)]
    for batch in sorted(batches, key=lambda batch: (batch.run.attempt, batch.run.started_at, batch.number)):
        for series, start, value in zip(batch.points.series, batch.points.start, batch.points.value, strict=True):
            name = batch.resources[batch.series[series].resource].name
            values[name, (start - int(w.START.timestamp())) // 60] = value
    return values
