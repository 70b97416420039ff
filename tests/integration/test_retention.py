"""What is old is forgotten; what settles a window, and what still waits, never."""

from datetime import UTC, datetime, timedelta

from storage.database import Database
from tests.support import writing
from tests.support.forgetting import Forgotten, forget

LATER = datetime(2027, 3, 1, tzinfo=UTC)


def test_old_runs_days_and_sent_entries_go_and_the_rest_stays(database: Database) -> None:
    with database.connection() as connection:
        writing.plan(connection, attempt=2)
        failed, good = writing.run(attempt=1), writing.run(attempt=2)
        writing.put(
            connection, writing.batch(failed, rates=[("i-1", 0, "0.1")]), writing.batch(good), writing.report(good)
        )
        connection.execute(
            "UPDATE finfleet.outbox SET state = 'sent', sent_at = created_at WHERE run_id = %s", (good.run_id,)
        )
        nothing = {"points": timedelta(0), "runs": timedelta(0), "sent": timedelta(0)}
        assert forget(connection, LATER, **nothing) == Forgotten(0, 0, 0)
        assert forget(connection, writing.NOW, **dict.fromkeys(nothing, timedelta(days=30))) == Forgotten(0, 0, 0)
        long_after = LATER + timedelta(days=3650)
        assert forget(connection, long_after, **dict.fromkeys(nothing, timedelta(days=30))) == Forgotten(1, 1, 2)
        assert writing.ledger(connection, "state", "settled_run") == [("complete", good.run_id)]
        assert [row[0] for row in writing.outbox(connection)] == [failed.run_id]
        assert writing.points(connection) == {}
        # A day that was dropped is made again for what comes late.
        other = writing.run(attempt=2, second=9)
        writing.put(connection, writing.batch(other))
        assert writing.points(connection) == {("i-1", 0): 1.0}
