"""kill -9 in the middle of folding, while late messages have windows back: each window is there once, as it was."""

import os
import random
import signal
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from storage import ledger
from storage.database import Connection, Database
from storage.folding.ledger import fold_ledger
from storage.folding.runs import fold_runs, forget_runs
from storage.folding.unfold import unfold
from telemetry.batch import Message
from tests.support import writing as w
from tests.support.folded import fold, ledger_of, views
from tests.support.ledger import NOW, minutes, plan, sync, take
from tests.support.prepared import prepared
from tests.support.waiting import until

KILLS = 6
THEN = NOW + timedelta(days=10)


def fold_for_ever() -> None:
    """In small steps, and forget runs beside it: what is killed."""
    then = datetime.fromisoformat(sys.argv[0])
    with Database(SecretStr(os.environ["FINFLEET_DATABASE_URL"])) as database, database.connection() as connection:
        while True:
            fold_ledger(connection, then, limit=5)
            fold_runs(connection, then, limit=4)
            forget_runs(connection, then, None, limit=3)


def progress(connection: Connection) -> int:
    return w.count(connection, "collections") * 1000 + w.count(connection, "runs")


def _moved(connection: Connection, at: int) -> Callable[[], bool]:
    return lambda: progress(connection) != at


@pytest.mark.timeout(120)
def test_kills_in_the_middle_of_folding_lose_no_window_and_double_none(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    chance = random.Random(13)
    environment = {**os.environ, "FINFLEET_DATABASE_URL": database_url}
    with prepared("tests.faults.test_fold_kill") as programs, database.connection() as connection:
        sync(connection, plan(backfill=minutes(1500)))
        while ledger.open_windows(connection, None, None, NOW):
            pass
        messages: list[list[Message]] = []
        for one in take(connection):
            run = w.run(one.target, one.window, attempt=one.attempt)
            messages.append([w.batch(run), w.report(run)])
        w.put(connection, *[message for pair in messages for message in pair], now=NOW)
        connection.execute("UPDATE finfleet.outbox SET state = 'sent', body = NULL")
        before, told = ledger_of(connection), views(connection)
        assert len(before) == 300
        keys = [(1, window.start) for window in before]
        for _ in range(KILLS):
            with connection.transaction():
                unfold(connection, chance.sample(keys, 150))
            at = progress(connection)
            started = programs.running(
                "tests.faults.test_fold_kill:fold_for_ever", [THEN.isoformat()], environment, tmp_path / "log"
            )
            with started as process:
                until(_moved(connection, at), 30, "it folds")
                for late in chance.sample(messages, 3):
                    assert not w.put(connection, *late, now=NOW).rejected
                process.send_signal(signal.SIGKILL)
            assert ledger_of(connection) == before
        fold(connection, THEN)
        while forget_runs(connection, THEN, None):
            pass
        assert ledger_of(connection) == before
        # What came again after it was forgotten has been collected, and counts, once more: all else is as it was.
        for view in ("gaps", "coverage"):
            assert views(connection)[view] == told[view]
        assert w.count(connection, "collections") == 1
        assert w.count(connection, "runs") == 1
