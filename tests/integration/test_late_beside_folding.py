"""What comes late for a window whose runs are forgotten changes nothing, though its rows are being folded just then."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest

from storage import partitions
from storage.database import Connection, Database
from storage.folding.points import fold_points
from storage.folding.rates import fold_rates
from storage.folding.runs import forget_runs
from telemetry.target import Window
from tests.support import writing as w
from tests.support.folded import fold
from tests.support.waiting import until

THEN = w.NOW + timedelta(days=10)
NEXT = Window(w.WINDOW.end, w.WINDOW.end + timedelta(minutes=5))


def fold_all(step: Callable[[Connection, datetime], int], connection: Connection) -> None:
    while step(connection, THEN):
        pass


@pytest.mark.parametrize("step", [fold_points, fold_rates])
def test_an_older_attempt_waits_for_what_is_being_folded(
    database: Database, step: Callable[[Connection, datetime], int]
) -> None:
    with database.connection() as connection, database.connection() as folding, ThreadPoolExecutor(1) as pool:
        for window in (w.WINDOW, NEXT):
            w.plan(connection, window=window, attempt=2)
            run = w.run(window=window, attempt=2)
            w.put(connection, w.batch(run, points=[("i-1", 0, 2.0)], rates=[("i-1", 0, "0.2")]), w.report(run))
        fold(connection, THEN)
        while forget_runs(connection, THEN, None):
            pass
        # What sealing does in transactions of their own, before the one that is held open here.
        day = w.START.date()
        partitions.create(connection, [(table, day) for table in ("sealed_points", "points_hourly", "points_daily")])
        connection.execute("INSERT INTO finfleet.sealed_days (day) VALUES (%s)", (day,))
        late = w.batch(w.run(attempt=1), points=[("i-1", 0, 1.0)], rates=[("i-1", 0, "0.1")])
        with folding.transaction():
            assert step(folding, THEN) > 0
            written = pool.submit(w.put, connection, late)
            until(lambda: is_waiting(folding, connection), what="the writer waits for the folding")
        assert not written.result(timeout=10).rejected
        for _ in range(2):
            values = connection.execute("SELECT value FROM reporting.resource_metrics ORDER BY start").fetchall()
            amounts = connection.execute("SELECT amount::text FROM reporting.cost_per_hour ORDER BY start").fetchall()
            assert (values, amounts) == ([(2.0,), (2.0,)], [("0.2",), ("0.2",)])
            fold_all(fold_points, connection)
            fold_all(fold_rates, connection)


def is_waiting(observer: Connection, other: Connection) -> bool:
    row = observer.execute(
        "SELECT wait_event_type = 'Lock' FROM pg_stat_get_activity(%s)", (other.info.backend_pid,)
    ).fetchone()
    return row == (True,)
