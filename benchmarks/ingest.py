"""How fast results become rows, beside what Postgres can take in at all: `python -m benchmarks.ingest`.

With ``--against REV`` a former release takes windows of several sizes in too, in turn with this one.
Every contender brings the same points into the same table, in one run on one server, in turn; ratios are of medians.
finfleet's contenders write more than the others: resources, rates, runs, batches, the outbox and the ledger too.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks import pipeline, rivals
from benchmarks.load import FIRST, Load
from benchmarks.releases import HERE, releases
from benchmarks.servers import Servers, running
from storage.database import Connection, Database
from storage.partitions import create
from storage.writer.columns import Keys, Values, point_keys
from telemetry.batch import Batch, Message
from telemetry.codec import encode

LIMIT = "server-side COPY, then merge"
AIM = 1.0
SHAPES = ((1, 400, 6), (10, 200, 6), (180, 30, 2))
"""Resources of a window, targets, and windows of each."""
OFF_THE_QUEUE = "finfleet, off the results queue (Redis)"
FROM_MEMORY = "finfleet, out of memory"
PUBLISHING = "publishing to the results queue, encoded already"
_TABLES = (
    "outbox", "batches", "runs", "points", "cost_rates", "series", "resources", "collections", "targets",
)  # fmt: skip


@dataclass(frozen=True)
class Prepared:
    """A load, made ready once for all rounds."""

    load: Load
    #: The first window of each target, written before the clock runs: resources and series are known, as they are
    #: in all windows but the first.
    first: Sequence[bytes]
    bodies: Sequence[bytes]
    #: The points of these, for the rivals.
    first_rows: rivals.Rows
    rows: rivals.Rows


def main() -> None:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--targets", type=int, default=60)
    parser.add_argument("--windows", type=int, default=2, help="of each target, each a batch of about 5,000 records")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--against", metavar="REV", help="a revision to measure beside this one: a tag, or a commit")
    arguments = parser.parse_args()
    load = Load(targets=arguments.targets, windows=arguments.windows)
    with running() as servers:
        prepared = _prepare(load, servers)
        spent: dict[str, list[float]] = defaultdict(list)
        steps: list[dict[str, float]] = []
        for _ in range(arguments.rounds):
            for name, seconds in [*_rivals(servers, prepared), *_ours(servers, prepared)]:
                spent[name].append(seconds)
            with _ready(servers, prepared) as database, database.connection() as connection:
                steps.append(pipeline.one_after_the_other(connection, prepared.bodies))
    _print_ratios({name: median(times) for name, times in spent.items()}, prepared)
    _print_steps({name: median(step[name] for step in steps) for name in steps[0]})
    _print_windows(_windows(arguments.against, arguments.rounds))


def _windows(against: str | None, rounds: int) -> dict[tuple[int, str], dict[str, float]]:
    """By resources and release: the medians of what each round said."""
    found: dict[tuple[int, str], list[Mapping[str, float]]] = defaultdict(list)
    with releases("windows.py", against) as both:
        for resources, targets, windows in SHAPES:
            for _ in range(rounds):
                for release in both:
                    found[resources, release.name].append(release.measure(resources, targets, windows))
    return {key: {name: median(one[name] for one in said) for name in said[0]} for key, said in found.items()}


def _prepare(load: Load, servers: Servers) -> Prepared:
    first, later = list(load.messages(0, 1)), list(load.messages(1, load.windows))
    return Prepared(
        load,
        [encode(message) for message in first],
        [encode(message) for message in later],
        rivals.write_files(_by_transaction(first), servers.exchange, "first"),
        rivals.write_files(_by_transaction(later), servers.exchange, "later"),
    )


def _by_transaction(messages: Sequence[Message]) -> list[tuple[Keys, Values]]:
    bodies = [encode(message) for message in messages]
    return [_points([item.message for item in part]) for part in pipeline.transactions(bodies)]


def _points(messages: Sequence[Message]) -> tuple[Keys, Values]:
    """The points of a transaction, with ids as they would be, in the order of their key as our own are."""
    keys: list[Keys] = []
    values: list[float] = []
    for message in messages:
        if isinstance(message, Batch):
            number = int(message.run.target.region.removeprefix("region-"))
            ids = range(1 + number * len(message.series), 1 + (number + 1) * len(message.series))
            keys.append(point_keys(list(ids), message.points.series, message.points.start))
            values += message.points.value
    together = np.concatenate(keys)
    order = np.argsort(together)
    return together[order], np.array(values)[order]


def _rivals(servers: Servers, prepared: Prepared) -> Iterator[tuple[str, float]]:
    contenders: dict[str, Callable[[Servers, rivals.Rows], float | None]] = {
        LIMIT: rivals.server_side_merge,
        "server-side COPY, straight": rivals.server_side_copy,
        "psql \\copy, straight": rivals.psql_copy,
        "psycopg COPY row by row, straight": rivals.psycopg_copy,
        "SQLAlchemy Core upsert, 1,000 rows": rivals.sqlalchemy_upsert,
    }
    for name, contender in contenders.items():
        with Database(servers.database, size=1) as database, database.connection() as connection:
            _start_over(connection)
            rivals.server_side_copy(servers, prepared.first_rows)
            connection.execute("CHECKPOINT")
        seconds = contender(servers, prepared.rows)
        if seconds is not None:
            yield name, seconds


def _ours(servers: Servers, prepared: Prepared) -> Iterator[tuple[str, float]]:
    with _ready(servers, prepared) as database, database.connection() as connection:
        yield FROM_MEMORY, pipeline.from_memory(connection, prepared.bodies)
        _check(connection, prepared)
    with _ready(servers, prepared) as database:
        published, ingested = pipeline.off_the_queue(database, servers.broker, prepared.bodies)
        yield PUBLISHING, published
        yield OFF_THE_QUEUE, ingested
        with database.connection() as connection:
            _check(connection, prepared)


@contextmanager
def _ready(servers: Servers, prepared: Prepared) -> Iterator[Database]:
    """An empty database that has collected every target's first window, and the connection that did it."""
    with Database(servers.database, size=1) as database:
        with database.connection() as connection:
            _start_over(connection)
            prepared.load.plan(connection, 0, 1 + prepared.load.windows)
            pipeline.from_memory(connection, prepared.first)
            connection.execute("CHECKPOINT")
        yield database


def _start_over(connection: Connection) -> None:
    names = ", ".join(f"finfleet.{table}" for table in _TABLES)
    connection.execute(f"TRUNCATE {names} RESTART IDENTITY CASCADE".encode())
    create(connection, [("points", FIRST.date()), ("cost_rates", FIRST.date())])
    connection.execute("CHECKPOINT")


def _check(connection: Connection, prepared: Prepared) -> None:
    """What was measured must also have happened."""
    load = prepared.load
    row = connection.execute(
        """
        SELECT (SELECT count(*) FROM finfleet.points),
               (SELECT count(*) FROM finfleet.collections WHERE state = 'complete')
        """
    ).fetchone()
    windows = load.targets * (1 + load.windows)
    expected = (load.points // load.windows * (1 + load.windows), windows)
    if row != expected:
        raise SystemExit(f"points and complete windows: {row}, expected {expected}")


def _print_ratios(spent: Mapping[str, float], prepared: Prepared) -> None:
    count = prepared.rows.count
    limit = spent[LIMIT]
    into_postgres = {name: seconds for name, seconds in spent.items() if name != PUBLISHING}
    table = Table(
        title=f"{count:,} points, {pipeline.SETTINGS.max_records:,} records a transaction", title_justify="left"
    )
    table.add_column("")
    table.add_column("points/s", justify="right")
    table.add_column("of the limit", justify="right")
    for name, seconds in sorted(into_postgres.items(), key=lambda item: item[1]):
        table.add_row(name, f"{count / seconds:,.0f}", f"{limit / seconds:.2f}")
    console = Console()
    console.print(table)
    ratio = limit / spent[OFF_THE_QUEUE]
    verdict = "reached" if ratio >= AIM else "MISSED"
    console.print(f"{OFF_THE_QUEUE}: {ratio:.2f} of {LIMIT}; aim {AIM}: {verdict}", soft_wrap=True)
    console.print(f"{PUBLISHING}: {count / spent[PUBLISHING]:,.0f} points/s\n", soft_wrap=True)


def _print_windows(found: Mapping[tuple[int, str], Mapping[str, float]]) -> None:
    table = Table(title="Windows a second, each of five metrics x five points a resource", title_justify="left")
    for column in ("resources", "", "out of memory", "off the queue", "ms of Python a window"):
        table.add_column(column, justify="left" if not column else "right")
    for (resources, release), said in found.items():
        here = found[resources, HERE]
        ratio = {name: "" if release == HERE else f" ({here[name] / said[name]:.2f} x)" for name in said}
        table.add_row(
            str(resources),
            release,
            f"{said['memory']:,.0f}{ratio['memory']}",
            f"{said['queue']:,.0f}{ratio['queue']}",
            f"{said['busy']:.2f}{ratio['busy']}",
        )
    Console().print(table)


def _print_steps(spent: Mapping[str, float]) -> None:
    whole = sum(spent.values())
    table = Table(title="Where the time goes, one step after the other", title_justify="left")
    table.add_column("")
    table.add_column("share", justify="right")
    for name, seconds in sorted(spent.items(), key=lambda item: -item[1]):
        table.add_row(name, f"{seconds / whole:.0%}")
    Console().print(table)


if __name__ == "__main__":
    main()
