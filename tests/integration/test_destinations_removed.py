"""A destination that is taken out of the configuration: what waits for it is said, released, and can be had again."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from storage import outbox
from storage.database import Connection, Database
from tasks import plan
from tasks.runtime import runtime
from telemetry.settings import Settings
from tests.support.commands import CommandLine
from tests.support.forgetting import forget
from tests.support.outbox import EC2, add_target, fill, make_batch, put, windows

_KNOWN = {"openfinops": {"endpoint": "https://o.example"}}
_HOUR = timedelta(hours=1)


def _states(connection: Connection) -> dict[tuple[str, str], int]:
    rows = connection.execute(b"SELECT destination, state, count(*) FROM finfleet.outbox GROUP BY 1, 2").fetchall()
    return {(destination, state): count for destination, state, count in rows}


def _age(connection: Connection, destination: str, hours: int) -> None:
    connection.execute(
        b"UPDATE finfleet.outbox SET created_at = created_at - make_interval(hours => %s) WHERE destination = %s",
        [hours, destination],
    )


def test_retention_releases_what_waits_for_it_after_an_hour(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings.model_validate(
        {
            **_KNOWN,
            "destinations": {"paused": {"kind": "openfinops", "endpoint": "https://p.example", "enabled": False}},
        }
    )
    monkeypatch.setattr(runtime, "settings", lambda: settings)
    monkeypatch.setattr(runtime, "database", lambda: database)
    with database.connection() as connection:
        fill(connection, targets=2, entries=3, destinations=("openfinops", "paused", "gone"))
        plan.forget_old()
        assert _states(connection) == {(name, "pending"): 6 for name in ("openfinops", "paused", "gone")}
        for name in ("openfinops", "paused", "gone"):
            _age(connection, name, 2)
        plan.forget_old()
        # One that is disabled is paused: what waits for it waits.
        assert _states(connection) == {("openfinops", "pending"): 6, ("paused", "pending"): 6, ("gone", "dead"): 6}
        assert {entry.error for entry in outbox.dead_entries(connection)} == {outbox.REMOVED}


def test_when_it_comes_back_nothing_comes_out_of_order_by_itself(database: Database) -> None:
    with database.connection() as connection:
        target = add_target(connection, EC2)
        old = [put(connection, target, make_batch(window=window), destination="gone") for window in windows(2)]
        now = datetime.now(UTC)
        assert outbox.release(connection, ["openfinops"], now + _HOUR) == 2
        new = put(connection, target, make_batch(), destination="gone")
        with connection.transaction():
            entry = outbox.take(connection, "gone", target, hold=10)
        assert entry is not None
        assert entry.outbox_id == new  # what was released stays dead
        assert outbox.replay(connection, old) == 2  # until a person wants it, before what waits
        with connection.transaction():
            entry = outbox.take(connection, "gone", target, hold=10)
        assert entry is not None
        assert entry.outbox_id == old[0]


def test_what_somebody_sends_at_this_moment_is_left_to_them(database: Database) -> None:
    with database.connection() as connection, database.connection() as other:
        target = add_target(connection, EC2)
        for window in windows(2):
            put(connection, target, make_batch(window=window), destination="gone")
        with other.transaction():
            assert outbox.take(other, "gone", target, hold=10) is not None
            assert outbox.release(connection, [], datetime.now(UTC) + _HOUR) == 1
        assert _states(connection) == {("gone", "pending"): 1, ("gone", "dead"): 1}


def test_nothing_keeps_retention_from_working(database: Database) -> None:
    with database.connection() as connection:
        fill(connection, targets=1, entries=3, destinations=("openfinops", "gone"))
        connection.execute(
            b"UPDATE finfleet.outbox SET state = 'sent', sent_at = created_at WHERE destination = 'openfinops'"
        )
        outbox.release(connection, ["openfinops"], datetime.now(UTC) + _HOUR)
        later = datetime.now(UTC) + timedelta(days=400)
        nothing = timedelta(0)
        forgotten = forget(connection, later, points=nothing, runs=timedelta(days=30), sent=timedelta(days=1))
        assert forgotten.sent == 3
        assert outbox.forget(connection, "gone") == 3
        assert _states(connection) == {}


def test_the_command_line_says_so(database: Database, database_url: str, tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "telemetry.yaml").write_text(json.dumps(_KNOWN), encoding="utf-8")
    command = CommandLine(tmp_path, database_url, "redis://127.0.0.1:1/0")
    with database.connection() as connection:
        fill(connection, targets=1, entries=2, destinations=("openfinops", "gone"))
        lines: list[dict[str, Any]] = json.loads(command.run("outbox", "status", "--json").stdout)
        assert {line["destination"]: line["is"] for line in lines} == {"openfinops": "enabled", "gone": "removed"}
        told = command.run("status", status=1).stdout.decode()
        assert "gone: 2 wait" in told
        assert "gone: it is not in the configuration, and what waits is dead an hour after it was committed" in told
        assert b"is in the configuration" in command.run("outbox", "forget", "openfinops", status=2).stderr
        outbox.release(connection, ["openfinops"], datetime.now(UTC) + _HOUR)
        assert b"2 are deleted" in command.run("outbox", "forget", "gone").stdout
        assert _states(connection) == {("openfinops", "pending"): 2}
