"""What is folded beside points: seeded as it comes, measured, folded, and measured again."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from psycopg import sql

from storage import partitions
from storage.database import Connection
from storage.folding.ledger import fold_ledger
from storage.folding.rates import fold_rates
from storage.folding.runs import forget_runs
from storage.names import SCHEMA
from storage.writer import Received, write
from telemetry.batch import Batch, Message, Outcome, Points, Report, Run
from telemetry.costs import CostLine
from telemetry.target import Target, Window

FIRST = date(2026, 10, 1)
_BEGIN = datetime(2026, 10, 1, tzinfo=UTC)
_DAYS = 31
_LATER = datetime(2027, 6, 1, tzinfo=UTC)
_TARGETS, _TIMES = 20, 50
_LINES = 20_000
_LINES_A_BATCH = 5_000
_APIS = [
    {"api": "ec2:DescribeInstances", "calls": 3, "throttles": 0, "cost_usd": "0"},
    {"api": "cloudwatch:GetMetricData", "calls": 2, "throttles": 0, "cost_usd": "0.00234"},
]


class Kind(NamedTuple):
    """One kind of what is stored."""

    name: str
    #: Where it lies before, and what is made of it.
    hot: tuple[str, ...]
    folded: tuple[str, ...]
    #: Puts it there as it comes; returns how many.
    seed: Callable[[Connection], int]
    #: Folds a piece of it; 0: nothing is left.
    fold: Callable[[Connection], int]
    #: Has what is folded there once more for other targets, so many times in all: few rows do not fill a page.
    repeat: Callable[[Connection], int] = lambda _: 1


class Taken(NamedTuple):
    """What one of a kind takes, in bytes of heap, indexes and TOAST."""

    name: str
    rows: int
    before: float
    after: float


def measure(connection: Connection) -> list[Taken]:
    """Each kind, one after the other, in tables that are empty before."""
    return [_measure(connection, kind) for kind in KINDS]


def _measure(connection: Connection, kind: Kind) -> Taken:
    names = sql.SQL(", ").join(sql.Identifier(SCHEMA, name) for name in (*kind.hot, *kind.folded, "targets"))
    connection.execute(sql.SQL("TRUNCATE {} CASCADE").format(names))
    empty, empty_folded = _bytes(connection, kind.hot), _bytes(connection, kind.folded)
    count = kind.seed(connection)
    before = (_bytes(connection, kind.hot) - empty) / count
    while kind.fold(connection):
        continue
    times = kind.repeat(connection)
    folded = _bytes(connection, kind.folded) - empty_folded
    # What stays as it was takes what it took.
    left = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(SCHEMA, kind.hot[0]))).fetchone()
    stays = left[0] * before if left else 0
    return Taken(kind.name, count, before, folded / count / times + stays / count)


def _bytes(connection: Connection, tables: tuple[str, ...]) -> int:
    for name in tables:
        connection.execute(sql.SQL("VACUUM (FULL, ANALYZE) {}").format(sql.Identifier(SCHEMA, name)))
    row = connection.execute(
        "SELECT sum(pg_total_relation_size(c.oid)) FROM unnest(%s::text[]) AS t(name) JOIN pg_class AS c"
        "    ON c.oid = ('finfleet.' || t.name)::regclass"
        "    OR c.oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = ('finfleet.' || t.name)::regclass)",
        (list(tables),),
    ).fetchone()
    return int(row[0]) if row else 0


# The ledger -----------------------------------------------------------------------------------------------------------

_ORDINARY = """
CASE
    -- Each fourth target has nothing to say at night; each has half an hour of failures every two weeks.
    WHEN n % 4 = 0 AND extract(hour FROM at AT TIME ZONE 'UTC') < 6 THEN 'empty'
    WHEN (extract(epoch FROM at)::bigint / 300 + n * 997) % 4032 < 6 THEN 'failed'
    ELSE 'complete'
END
"""


def _scattered(share: float) -> str:
    """So many windows at random places end in another way than the others."""
    return f"CASE WHEN chance < {share / 2} THEN 'empty' WHEN chance < {share} THEN 'failed' ELSE 'complete' END"


def _ledger(outcome: str) -> Callable[[Connection], int]:
    def seed(connection: Connection) -> int:
        _targets(connection, _TARGETS * _TIMES)
        return connection.execute(
            f"""
            INSERT INTO finfleet.collections
                   (target_id, window_start, window_end, state, due_at, attempt, planned_at, dispatched_at, settled_at,
                    failed_since, newest_attempt, newest_started_at, settled_run, records, error)
            SELECT target_id, at, at + interval '5 minutes', state, at, retried, at, at,
                   at + CASE WHEN state = 'failed' THEN interval '8 days' ELSE interval '1 minute' END,
                   CASE WHEN state = 'failed' THEN at END, retried, at,
                   gen_random_uuid(), CASE state WHEN 'complete' THEN 100 WHEN 'empty' THEN 0 END,
                   CASE WHEN state = 'failed' THEN 'broken' ELSE '' END
              FROM (
                    SELECT target_id, at, {outcome} AS state, retried
                      FROM (SELECT target_id, account::int AS n FROM finfleet.targets ORDER BY 1 LIMIT {_TARGETS}) AS t
                     CROSS JOIN (
                               SELECT at FROM generate_series(%(first)s, %(last)s, interval '5 minutes') AS g(at)
                           ) AS g
                     CROSS JOIN LATERAL (
                               SELECT random() AS chance, 1 + (random() < 0.1 AND at IS NOT NULL)::int AS retried
                           ) AS dice
                   ) AS w
             ORDER BY at, target_id
            """.replace("% 4", "%% 4").encode(),  # noqa: S608 - our own
            {"first": _BEGIN, "last": _BEGIN + timedelta(days=_DAYS, minutes=-5)},
        ).rowcount

    return seed


def _repeat_windows(connection: Connection) -> int:
    """For a thousand targets."""
    columns = "month, seconds, phase, backfill_id, state, reason, error, permission, partial, refused, ranges, windows"
    columns += ", records, attempt, spent_usd, unpriced"
    connection.execute(
        f"""
        WITH t AS (SELECT target_id, row_number() OVER (ORDER BY target_id) - 1 AS place FROM finfleet.targets)
        INSERT INTO finfleet.folded_windows (target_id, {columns})
        SELECT other.target_id, {columns}
          FROM t JOIN finfleet.folded_windows AS f USING (target_id)
          JOIN t AS other ON other.place %% %(targets)s = t.place AND other.place <> t.place
        """.encode(),  # noqa: S608 - our own
        {"targets": _TARGETS},
    )
    return _TIMES


def _targets(connection: Connection, count: int) -> None:
    connection.execute(
        """
        INSERT INTO finfleet.targets
               (provider, account, region, service, queue, interval_seconds, delay_seconds, enabled_since,
                planned_until)
        SELECT 'aws', n, 'eu-west-1', 'ec2', 'collect.aws', 300, 0, %(first)s, %(last)s
          FROM generate_series(1, %(count)s) AS g(n)
        """,
        {"count": count, "first": _BEGIN, "last": _BEGIN + timedelta(days=_DAYS)},
    )


# Runs -----------------------------------------------------------------------------------------------------------------


def _runs(connection: Connection) -> int:
    """Of windows that are folded, each with a batch of the keys of a hundred points."""
    _ledger(_ORDINARY)(connection)
    while fold_ledger(connection, _LATER):
        continue
    connection.execute(
        """
        WITH made AS (
            INSERT INTO finfleet.runs
                   (run_id, target_id, window_start, window_end, attempt, started_at, batches_committed,
                    records_committed, reported_at, finished_at, outcome, batches_expected, calls, api_cost_usd, apis)
            SELECT gen_random_uuid(), target_id, at, at + interval '5 minutes', 1, at, 1, 100, at, at, 'complete', 1, 5,
                   0.00234, %(apis)s::jsonb
              FROM (SELECT target_id FROM finfleet.targets ORDER BY 1 LIMIT 4) AS t
             CROSS JOIN generate_series(%(first)s, %(last)s, interval '5 minutes') AS g(at)
             WHERE EXISTS (
                       SELECT FROM finfleet.folded_windows AS f WHERE f.target_id = t.target_id AND f.ranges @> at
                   )
            RETURNING run_id
        )
        INSERT INTO finfleet.batches (run_id, number, records, keys)
        SELECT run_id, 1, 100, decode(repeat(md5(run_id::text), 3), 'hex') FROM made
        """,
        {"first": _BEGIN, "last": _BEGIN + timedelta(days=_DAYS, minutes=-5), "apis": json.dumps(_APIS)},
    )
    row = connection.execute("SELECT count(*) FROM finfleet.runs").fetchone()
    return int(row[0]) if row else 0


# Rates ----------------------------------------------------------------------------------------------------------------


def _rates(connection: Connection) -> int:
    """Rates of a hundred instances over ten days, which do not change."""
    partitions.create(connection, [("cost_rates", FIRST + timedelta(days=place)) for place in range(10)])
    return connection.execute(
        """
        INSERT INTO finfleet.cost_rates (resource_id, start, period, amount, currency, basis, resource_type)
        SELECT resource_id, at, 300, 0.0960, 'USD', 'on_demand_list', 'm5.large'
          FROM generate_series(%(first)s, %(first)s + interval '10 days' - interval '5 minutes', interval '5 minutes')
                   AS g(at)
         CROSS JOIN generate_series(1, 100) AS r(resource_id)
        """,
        {"first": _BEGIN},
    ).rowcount


# Bills ----------------------------------------------------------------------------------------------------------------


def _bill(connection: Connection) -> int:
    """Lines of one day's bill, as the writer stores them; settled, so that they are added up."""
    target, window = Target("aws", "account-1", "global", "cost"), Window(_BEGIN, _BEGIN + timedelta(days=1))
    connection.execute(
        """
        WITH t AS (
            INSERT INTO finfleet.targets
                   (provider, account, region, service, queue, interval_seconds, delay_seconds, enabled_since,
                    planned_until)
            VALUES ('aws', 'account-1', 'global', 'cost', 'collect.aws', 86400, 0, %(start)s, %(end)s)
            RETURNING target_id
        )
        INSERT INTO finfleet.collections (target_id, window_start, window_end, state, attempt)
        SELECT target_id, %(start)s, %(end)s, 'dispatched', 1 FROM t
        """,
        {"start": window.start, "end": window.end},
    )
    _write(connection, _messages(Run.start(target, window, 1, window.end, "")))
    return _LINES


def _messages(run: Run) -> list[Message]:
    lines = [
        CostLine(
            start=run.window.start,
            end=run.window.end,
            currency="USD",
            billed_cost=Decimal(place) / 100,
            service_name=f"Amazon service {place % 40}",
            region_id="eu-west-1",
            resource_id=f"arn:aws:ec2:eu-west-1:123456789012:instance/i-{place:017x}",
            estimated=True,
        )
        for place in range(_LINES)
    ]
    parts = [lines[place : place + _LINES_A_BATCH] for place in range(0, _LINES, _LINES_A_BATCH)]
    batches: list[Message] = [
        Batch(run, number, number == len(parts), run.window.end, [], [], Points([], [], []), [], part)
        for number, part in enumerate(parts, 1)
    ]
    return [*batches, Report(run, Outcome.COMPLETE, len(parts), _LINES, run.window.end, [])]


def _write(connection: Connection, messages: list[Message]) -> None:
    for message in messages:
        write(connection, [Received(message, b"")], destinations=[], now=_LATER)


def _nothing(_: Connection) -> int:
    """A bill is added up by the transaction that settles it, and its lines stay."""
    return 0


KINDS = (
    *(
        Kind(
            f"window, {name}",
            ("collections",),
            ("folded_windows",),
            _ledger(outcome),
            lambda one: fold_ledger(one, _LATER),
            _repeat_windows,
        )
        for name, outcome in (
            ("ordinary month", _ORDINARY),
            ("1 of 100 scattered", _scattered(0.01)),
            ("1 of 10 scattered", _scattered(0.1)),
            ("half scattered", _scattered(0.5)),
        )
    ),
    Kind("run and its batch", ("runs", "batches"), ("run_days",), _runs, lambda one: forget_runs(one, _LATER, None)),
    Kind("rate", ("cost_rates",), ("rate_intervals", "rate_starts"), _rates, lambda one: fold_rates(one, _LATER)),
    Kind("line of a bill, and its sums", ("cost_lines",), ("bills", "bill_summaries"), _bill, _nothing),
)
