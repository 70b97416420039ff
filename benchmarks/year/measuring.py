"""How long the server takes for a statement, and what it reads for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from statistics import median
from typing import Any, NamedTuple
from unittest.mock import patch

import psycopg

from storage.database import Connection

READER = "finfleet_reader"
_ENOUGH = 5.0
"""Seconds of the first execution past which it is not repeated."""
_EXPLAINED = (b"SELECT", b"WITH", b"UPDATE", b"INSERT", b"DELETE")


class Measured(NamedTuple):
    """What one statement, or all of a function, took; None where it was not allowed to end."""

    seconds: float | None
    rows: int | None = None
    #: Rows that scans looked at, and pages of 8 kB that were touched.
    rows_read: int | None = None
    pages: int | None = None


class Statement(NamedTuple):
    """One that a function has executed."""

    text: bytes
    values: Any


def measure(
    connection: Connection, statement: bytes, values: Any = None, *, rounds: int, limit: float, role: str = ""
) -> Measured:
    """The median of some executions after a first one, as the server sees it: without the way of the rows to us."""
    first = _execute(connection, statement, values, limit, role)
    if not rounds or first.seconds is None or first.seconds > _ENOUGH:
        return first
    seconds = [_execute(connection, statement, values, limit, role).seconds or limit for _ in range(rounds)]
    return first._replace(seconds=median(seconds))


def _execute(connection: Connection, statement: bytes, values: Any, limit: float, role: str) -> Measured:
    explain = b"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) " + statement
    try:
        with _rolled_back(connection, limit, role):
            ((found,),) = connection.execute(explain, values).fetchall()
    except psycopg.errors.QueryCanceled:
        return Measured(None)
    (report,) = found
    plan = report["Plan"]
    seconds = (report["Planning Time"] + report["Execution Time"]) / 1000
    pages = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] + plan["Temp Read Blocks"]
    return Measured(seconds, int(plan["Actual Rows"]), _rows_read(plan), pages)


def plan_of(connection: Connection, statement: bytes, values: Any, *, limit: float, role: str) -> str:
    """For a person; without execution where that takes too long."""
    for options in (b"ANALYZE, BUFFERS", b"COSTS"):
        try:
            with _rolled_back(connection, limit, role):
                rows = connection.execute(b"EXPLAIN (" + options + b") " + statement, values).fetchall()
        except psycopg.errors.QueryCanceled:
            continue
        return "\n".join(line for (line,) in rows)
    return "no plan in time"


def _rows_read(plan: Mapping[str, Any]) -> int:
    below = sum(_rows_read(child) for child in plan.get("Plans", ()))
    if not plan["Node Type"].endswith("Scan") or plan["Node Type"] in {"Subquery Scan", "CTE Scan"}:
        return below
    removed = plan.get("Rows Removed by Filter", 0) + plan.get("Rows Removed by Index Recheck", 0)
    return below + int((plan["Actual Rows"] + removed) * plan["Actual Loops"])


@contextmanager
def _rolled_back(connection: Connection, limit: float, role: str) -> Iterator[None]:
    with connection.transaction(force_rollback=True):
        connection.execute(f"SET LOCAL statement_timeout TO {round(limit * 1000)}".encode())
        if role:
            connection.execute(f"SET LOCAL ROLE {role}".encode())
        yield


def timed(work: Callable[[], object], rounds: int) -> float:
    """Seconds of a function of ours, the median after a first time."""
    seconds = []
    for _ in range(rounds + 1):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return median(seconds[1:])


def statements_of(work: Callable[[], object]) -> list[Statement]:
    """What a function asks of Postgres, each statement once."""
    found: dict[bytes, Statement] = {}
    execute = psycopg.Cursor.execute

    def noted(cursor: Any, query: Any, params: Any = None, **options: Any) -> Any:
        text = query if isinstance(query, bytes) else str(query).encode()
        if _without_remarks(text).upper().startswith(_EXPLAINED):
            found.setdefault(text, Statement(text, params))
        return execute(cursor, query, params, **options)

    with patch.object(psycopg.Cursor, "execute", noted):
        work()
    return list(found.values())


def _without_remarks(text: bytes) -> bytes:
    lines: Sequence[bytes] = text.splitlines()
    return b"\n".join(line for line in lines if not line.lstrip().startswith(b"--")).lstrip()
