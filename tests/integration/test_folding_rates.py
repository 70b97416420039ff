"""Folded or not, late, restated, killed in the middle: the rates are those of an independent computation."""

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr

from storage import partitions
from storage.database import Connection, Database
from storage.folding.rates import fold_rates, forget_intervals
from storage.migrate import downgrade, migrate
from telemetry.batch import Batch
from telemetry.target import Window
from tests.support import writing
from tests.support.plans import rows_read, times

WINDOWS = 8
MINUTES = timedelta(minutes=5)
FIRST = datetime(2026, 11, 30, 23, 40, tzinfo=UTC)
"""Half of the windows lie in another day and month."""
LATER = FIRST + timedelta(days=1)
LONG_AFTER = FIRST + timedelta(days=5)
AMOUNTS = ["0.1", "0.10", "0.2"]

Rates = dict[tuple[str, datetime, timedelta], tuple[str, str, str, str]]
"""Amount as text, currency, basis and type, by resource, start and period."""


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.connection() as connection:
        yield connection


def window(number: int) -> Window:
    return Window(FIRST + number * MINUTES, FIRST + (number + 1) * MINUTES)


def shown(connection: Connection) -> Rates:
    rows = connection.execute(
        "SELECT name, start, period, amount::text, currency, basis, type FROM reporting.cost_per_hour"
    ).fetchall()
    rates: Rates = {(name, start, period): tuple(rest) for name, start, period, *rest in rows}
    assert len(rates) == len(rows), "a rate is there twice"
    return rates


def from_intervals(connection: Connection) -> Rates:
    """The single rates of reporting.rate_intervals."""
    rates: Rates = {}
    for name, start, until, period, *value in connection.execute(
        "SELECT name, start, until, period, amount::text, currency, basis, type FROM reporting.rate_intervals"
    ):
        count, rest = divmod(until - start, period)
        assert not rest
        for number in range(count):
            assert (name, start + number * period, period) not in rates, "intervals overlap"
            rates[name, start + number * period, period] = tuple(value)
    return rates


def runs_of(rates: Rates) -> list[tuple[str, datetime, datetime, tuple[str, ...]]]:
    """Resource, start, end and value of what holds without a break; of rates of one period."""
    found: list[tuple[str, datetime, datetime, tuple[str, ...]]] = []
    for name, start, period in sorted(rates):
        value = rates[name, start, period]
        if found and found[-1][0] == name and found[-1][2] == start and found[-1][3] == value:
            found[-1] = (name, found[-1][1], start + period, value)
        else:
            found.append((name, start, start + period, value))
    return found


def expected(batches: list[Batch]) -> Rates:
    """Of each window the newest batch that has a rate says it."""
    order = sorted(batches, key=lambda one: (one.run.attempt, one.run.started_at, one.run.run_id, one.number))
    return {
        (
            one.resources[rate.resource].name,
            datetime.fromtimestamp(rate.start, UTC),
            timedelta(seconds=rate.period),
        ): (str(rate.amount), rate.currency, rate.basis, one.resources[rate.resource].type)
        for one in order
        for rate in one.rates
    }


def check(connection: Connection, batches: list[Batch]) -> None:
    rates = expected(batches)
    assert shown(connection) == rates
    assert from_intervals(connection) == rates
    changes = connection.execute(
        "SELECT name, former_until, changed_at, former_amount::text, new_amount::text, former_type, new_type"
        "  FROM reporting.price_changes ORDER BY name, changed_at"
    ).fetchall()
    # 0.1 and 0.10 are the same price.
    assert changes == [
        (name, until, start, old[0], new[0], old[3], new[3])
        for (name, _, until, old), (other, start, _, new) in pairwise(runs_of(rates))
        if name == other and (float(old[0]), *old[1:]) != (float(new[0]), *new[1:])
    ]


def random_batch(dice: random.Random, number: int) -> Batch:
    run = writing.run(window=window(number), attempt=dice.randint(1, 3), second=dice.randint(0, 3))
    names = dice.sample(["i-1", "i-2", "i-3"], dice.randint(1, 3))
    return writing.batch(
        run, points=(), rates=[(name, 0, dice.choice(AMOUNTS)) for name in names], kind=dice.choice(["m5", "m5", "m6"])
    )


@pytest.mark.parametrize("seed", range(5))
def test_any_order_of_writing_and_folding_is_the_same(connection: Connection, seed: int) -> None:
    dice = random.Random(seed)
    for number in range(WINDOWS):
        writing.plan(connection, window=window(number), attempt=3)
    batches: list[Batch] = []
    for _ in range(30):
        made = random_batch(dice, dice.randrange(WINDOWS))
        batches.append(made)
        writing.put(connection, made)
        if dice.random() < 0.4:
            # Any part of the time, and any number of rows: the pieces do not matter.
            now = FIRST + dice.randrange(WINDOWS + 1) * MINUTES
            fold_rates(connection, now, after=timedelta(0), rows=dice.choice([1, 3, 100]))
        if dice.random() < 0.1:
            while fold_rates(connection, LONG_AFTER):
                pass
        check(connection, batches)
    while fold_rates(connection, LONG_AFTER, rows=dice.choice([1, 5])):
        check(connection, batches)
    assert writing.count(connection, "cost_rates") == 0
    months = [{key: v for key, v in expected(batches).items() if key[1].month == month} for month in (11, 12)]
    assert writing.count(connection, "rate_intervals") == sum(len(runs_of(one)) for one in months), "as few as can be"
    check(connection, batches)


def test_an_older_attempt_adds_to_folded_time_and_changes_nothing_of_it(connection: Connection) -> None:
    writing.plan(connection, attempt=2)
    newer = writing.batch(writing.run(attempt=2), points=(), rates=[("i-1", 0, "0.2")])
    older = writing.batch(writing.run(attempt=1), points=(), rates=[("i-1", 0, "0.1"), ("i-2", 0, "0.1")])
    writing.put(connection, newer)
    assert fold_rates(connection, LATER) == 1
    writing.put(connection, older)
    assert {name: amount for (name, _, _), (amount, *_) in shown(connection).items()} == {"i-1": "0.2", "i-2": "0.1"}
    assert fold_rates(connection, LATER) == 1
    check(connection, [newer, older])


def test_what_was_not_collected_is_a_gap(connection: Connection) -> None:
    for number in (0, 2):
        writing.plan(connection, window=window(number))
        made = writing.batch(writing.run(window=window(number)), points=(), rates=[("i-1", 0, "0.1")])
        writing.put(connection, made)
    while fold_rates(connection, LATER):
        pass
    rows = connection.execute("SELECT start, until FROM reporting.rate_intervals ORDER BY start").fetchall()
    assert rows == [(window(number).start, window(number).end) for number in (0, 2)]


def test_writers_and_folding_at_once_come_out_the_same(database: Database) -> None:
    with database.connection() as connection:
        for number in range(WINDOWS):
            writing.plan(connection, window=window(number), attempt=3)
    parts = [[random_batch(random.Random(10 * number + of), number) for of in range(4)] for number in range(WINDOWS)]

    def write(batches: list[Batch]) -> None:
        with database.connection() as own:
            for made in batches:
                writing.put(own, made)

    def fold(_: int) -> None:
        with database.connection() as own:
            for _ in range(15):
                fold_rates(own, LONG_AFTER, rows=5)

    with ThreadPoolExecutor(6) as pool:
        for done in [*(pool.submit(write, part) for part in parts), *(pool.submit(fold, one) for one in range(2))]:
            done.result()
    with database.connection() as connection:
        check(connection, [one for part in parts for one in part])


def test_a_fold_that_is_killed_has_done_nothing(connection: Connection, database_url: str) -> None:
    writing.plan(connection)
    made = writing.batch(writing.run(), points=(), rates=[("i-1", 0, "0.1")])
    writing.put(connection, made)
    with Database(SecretStr(database_url)) as other, suppress(psycopg.Error, Exception), other.connection() as dying:
        with dying.transaction():
            assert fold_rates(dying, LATER) == 1
            connection.execute("SELECT pg_terminate_backend(%s)", (dying.info.backend_pid,))
            dying.execute("SELECT 1")
        pytest.fail("its connection is gone")
    assert writing.count(connection, "rate_intervals") == 0
    check(connection, [made])
    assert fold_rates(connection, LATER) == 1
    check(connection, [made])


def test_an_empty_day_is_dropped_and_made_again_for_what_comes_late(connection: Connection) -> None:
    writing.plan(connection, attempt=2)
    first = writing.batch(writing.run(), points=(), rates=[("i-1", 0, "0.1")])
    writing.put(connection, first)
    assert [fold_rates(connection, LONG_AFTER) for _ in range(3)] == [1, 1, 0]
    partition = "SELECT to_regclass('finfleet.cost_rates_20261124')"
    assert connection.execute(partition).fetchone() == (None,)
    late = writing.batch(writing.run(attempt=2), points=(), rates=[("i-1", 0, "0.2"), ("i-2", 0, "0.3")])
    writing.put(connection, late)
    check(connection, [first, late])
    assert [fold_rates(connection, LONG_AFTER) for _ in range(3)] == [2, 1, 0]
    check(connection, [first, late])


def test_a_day_that_is_read_is_not_waited_for(connection: Connection, database: Database) -> None:
    partitions.create(connection, [("cost_rates", writing.START.date())])
    with database.connection() as reader, reader.transaction():
        reader.execute("SELECT count(*) FROM reporting.cost_per_hour")
        assert fold_rates(connection, LONG_AFTER) == 0
    assert fold_rates(connection, LONG_AFTER) == 1


def test_what_is_too_old_is_forgotten(connection: Connection) -> None:
    for number in range(2):
        writing.plan(connection, window=window(number))
        made = writing.batch(writing.run(window=window(number)), points=(), rates=[("i-1", 0, f"0.{number}")])
        writing.put(connection, made)
    while fold_rates(connection, LONG_AFTER):
        pass
    assert [forget_intervals(connection, window(1).start) for _ in range(2)] == [2, 0]
    assert [start for _, start, _ in shown(connection)] == [window(1).start]


def test_rates_of_a_database_that_goes_back_a_release_are_rows_again(connection: Connection, database_url: str) -> None:
    batches = []
    for number in range(WINDOWS):
        writing.plan(connection, window=window(number), attempt=3)
        batches.append(random_batch(random.Random(number), number))
        writing.put(connection, batches[-1])
        while number == WINDOWS // 2 and fold_rates(connection, LONG_AFTER):
            pass
    url = SecretStr(database_url)
    downgrade(url, "0011")
    assert writing.count(connection, "cost_rates") == len(expected(batches))
    migrate(url)
    check(connection, batches)
    while fold_rates(connection, LONG_AFTER):
        pass
    check(connection, batches)


_SEED = """
INSERT INTO finfleet.resources (provider, account, region, service, provider_id, name, first_seen, last_seen)
SELECT 'aws', '1', 'eu', 'ec2', 'i-' || n, 'i-' || n, now(), now() FROM generate_series(1, 20) AS n;
INSERT INTO finfleet.cost_rates
SELECT r.resource_id, start, 300, 0.0960, 'USD', 'on_demand_list', 'm5.large'
  FROM finfleet.resources AS r,
       generate_series('2026-11-21'::timestamptz, '2026-11-23 23:55', '5 min') AS start;
"""
_DAY = "start >= '2026-11-22' AND start < '2026-11-22 01:00'"


def test_instances_that_do_not_change_take_a_hundredth_and_a_query_of_an_hour_reads_an_hour(
    connection: Connection,
) -> None:
    days = [datetime(2026, 11, day, tzinfo=UTC).date() for day in (21, 22, 23)]
    partitions.create(connection, [("cost_rates", day) for day in days])
    with connection.transaction():
        connection.execute(_SEED)
    before = _money(connection)
    dropped = 1
    now = datetime(2026, 11, 25, tzinfo=UTC)
    assert sum(iter(lambda: fold_rates(connection, now), 0)) == 3 * 288 * 20 + dropped
    assert writing.count(connection, "rate_intervals") == 20
    assert _money(connection) == before
    for table in ("rate_intervals", "rate_starts", "cost_rates", "resources"):
        connection.execute(f"ANALYZE finfleet.{table}".encode())
    (found,) = connection.execute(f"SELECT count(*) FROM reporting.cost_per_hour WHERE {_DAY}").fetchone() or ()  # noqa: S608 - ours
    assert found == 12 * 20
    read = rows_read(connection, f"SELECT * FROM reporting.cost_per_hour WHERE {_DAY}")  # noqa: S608 - ours
    assert read["rate_starts"] <= 12 + 1, "and the newest one"
    assert read["rate_intervals"] <= 12 * 20
    assert times(connection, "SELECT * FROM reporting.rate_intervals", "WindowAgg") <= 2, "of rates that are not folded"


def _money(connection: Connection) -> list[tuple[Any, ...]]:
    return connection.execute(
        "SELECT name, count(*), sum(amount * extract(epoch FROM period)) FROM reporting.cost_per_hour"
        " GROUP BY 1 ORDER BY 1"
    ).fetchall()
