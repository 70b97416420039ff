"""Sources that may push, as the ledger knows them: nothing of them is planned, so nothing of them is owed."""

from datetime import UTC, datetime, timedelta

from storage.database import Database
from storage.writer import name_sources


def test_a_source_that_never_pushed_has_no_gaps(database: Database) -> None:
    now = datetime.now(UTC)
    with database.connection() as connection:
        for days in (3, 1):  # and again at the next start
            name_sources(connection, ["billing"], now - timedelta(days=days))
        assert connection.execute(b"SELECT * FROM reporting.gaps").fetchall() == []
        name_sources(connection, [], now)
        assert connection.execute(b"SELECT * FROM reporting.gaps").fetchall() == []
