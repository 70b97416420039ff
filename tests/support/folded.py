"""What tests of the folded ledger have in common: folding all there is, and a look at hot and folded as one."""

from datetime import datetime, timedelta
from typing import Any

from storage.database import Connection
from storage.folding.ledger import fold_ledger
from telemetry.target import Window

LATER = timedelta(days=10)
"""So long after a window nothing is left to do of it by itself."""


def fold(connection: Connection, now: datetime, age: timedelta = timedelta(days=2)) -> int:
    """Fold what may be folded; how many windows."""
    folded = 0
    while more := fold_ledger(connection, now, age=age):
        folded += more
    return folded


def ledger_of(connection: Connection, region: str = "us-east-1") -> dict[Window, str]:
    """Windows of a target and their states, whether they are folded or not; none is there twice."""
    rows = connection.execute(
        """
        SELECT c.window_start, c.window_end, c.state
          FROM finfleet.collections AS c JOIN finfleet.targets AS t USING (target_id)
         WHERE t.region = %(region)s
         UNION ALL
        SELECT w, w + make_interval(secs => f.seconds), f.state
          FROM finfleet.folded_windows AS f JOIN finfleet.targets AS t USING (target_id)
         CROSS JOIN LATERAL unnest(f.ranges) AS part
         CROSS JOIN LATERAL generate_series(
                   lower(part), upper(part) - interval '1 second', make_interval(secs => f.seconds)
               ) AS w
         WHERE t.region = %(region)s
         ORDER BY 1
        """,
        {"region": region},
    ).fetchall()
    found = {Window(start, end): state for start, end, state in rows}
    assert len(found) == len(rows)
    return found


def folded(connection: Connection, *columns: str) -> list[tuple[Any, ...]]:
    """Columns of the ranges, in the order of their key."""
    statement = f"SELECT {', '.join(columns)} FROM finfleet.folded_windows ORDER BY target_id, month, seconds, state"  # noqa: S608 - the test's own names
    return connection.execute(statement.encode()).fetchall()


def views(connection: Connection) -> dict[str, list[tuple[Any, ...]]]:
    """What people read of the ledger; without the end of what was never planned, which is now."""
    found = {
        view: connection.execute(f"SELECT * FROM reporting.{view} AS v ORDER BY v::text".encode()).fetchall()  # noqa: S608 - see above
        for view in ("coverage", "collection_cost")
    }
    columns = "target, gap_start, CASE WHEN reason <> 'never planned' THEN gap_end END, reason, permission, again"
    gaps = f"SELECT {columns} FROM reporting.gaps ORDER BY target, gap_start"  # noqa: S608 - see above
    return found | {"gaps": connection.execute(gaps.encode()).fetchall()}
