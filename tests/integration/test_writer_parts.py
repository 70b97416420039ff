"""What is known of a resource: a whole reading replaces it, one of a part of it adds and erases nothing."""

import itertools
from typing import Any

import pytest
from msgspec.structs import replace
from pydantic import SecretStr

from storage.database import Connection, Database
from telemetry.batch import Batch
from telemetry.records import Resource
from tests.support import writing as w

_LISTED = {"type": "n2-standard-4", "name": "vm-1", "tags": {"team": "search"}, "attributes": {"zone": "a", "gpus": 2}}
_BY_LABELS = {"name": "vm-1", "attributes": {"zone": "a", "instance_id": "7"}, "whole": False}
_TOGETHER = ("n2-standard-4", "vm-1", {"team": "search"}, {"zone": "a", "gpus": 2, "instance_id": "7"})


def _reading(second: int, **said: Any) -> Batch:
    """A batch that says this of one resource, collected at that second."""
    batch = w.batch(w.run(attempt=second, second=second))
    (former,) = batch.resources
    key = {name: getattr(former, name) for name in ("provider", "account", "region", "service", "resource_id")}
    return replace(batch, resources=[Resource(**key, **said)])


def _known(connection: Connection) -> Any:
    return connection.execute("SELECT type, name, tags, attributes FROM finfleet.resources").fetchone()


@pytest.mark.parametrize("together", [False, True], ids=["one by one", "in one transaction"])
def test_a_part_that_is_seen_later_erases_nothing(database: Database, together: bool) -> None:
    batches = [_reading(1, **_LISTED), _reading(2, **_BY_LABELS)]
    with database.connection() as connection:
        w.plan(connection, attempt=9)
        for group in [batches] if together else [[one] for one in batches]:
            w.put(connection, *group)
        assert _known(connection) == _TOGETHER
        (seen,) = connection.execute("SELECT last_seen FROM finfleet.resources").fetchall()
        assert seen == (batches[1].collected_at,)


@pytest.mark.parametrize("first", ["whole", "part"])
@pytest.mark.parametrize("together", [False, True], ids=["one by one", "in one transaction"])
def test_the_order_of_arrival_means_nothing(database_url: str, first: str, together: bool) -> None:
    seconds = (1, 2) if first == "whole" else (2, 1)
    readings = [_reading(seconds[0], **_LISTED), _reading(seconds[1], **_BY_LABELS)]
    # What is whole and newer is all there is.
    expected = _TOGETHER if first == "whole" else tuple(_LISTED.values())
    for order in itertools.permutations(readings):
        # A connection of its own, since what is remembered of the rows goes with it.
        with Database(SecretStr(database_url), size=1) as database, database.connection() as connection:
            connection.execute("TRUNCATE finfleet.targets, finfleet.resources RESTART IDENTITY CASCADE")
            w.plan(connection, attempt=9)
            for group in [list(order)] if together else [[one] for one in order]:
                w.put(connection, *group)
            assert _known(connection) == expected


def test_a_tag_that_a_whole_reading_lacks_is_removed(database: Database) -> None:
    with database.connection() as connection:
        w.plan(connection, attempt=9)
        w.put(connection, _reading(1, **_LISTED))
        w.put(connection, _reading(2, **_BY_LABELS))
        w.put(connection, _reading(3, **{**_LISTED, "tags": {}, "attributes": {"zone": "a"}}))
        assert _known(connection) == ("n2-standard-4", "vm-1", {}, {"zone": "a"})


def test_a_part_that_is_older_than_the_whole_adds_nothing(database: Database) -> None:
    with database.connection() as connection:
        w.plan(connection, attempt=9)
        w.put(connection, _reading(2, **_LISTED))
        w.put(connection, _reading(1, name="old", tags={"gone": "yes"}, whole=False))
        assert _known(connection) == tuple(_LISTED.values())


def test_a_whole_reading_that_comes_late_still_describes_what_only_a_part_was_seen_of_since(database: Database) -> None:
    with database.connection() as connection:
        w.plan(connection, attempt=9)
        for second, said in ((1, _LISTED), (3, _BY_LABELS), (2, {**_LISTED, "type": "n2-standard-8"})):
            w.put(connection, _reading(second, **said))
        kind, *_ = _known(connection)
        assert kind == "n2-standard-8"


def test_a_row_of_before_keeps_what_it_has(database: Database) -> None:
    with database.connection() as connection:
        w.plan(connection, attempt=9)
        w.put(connection, _reading(1, **_LISTED))
        connection.execute("UPDATE finfleet.resources SET described_at = NULL")
        w.put(connection, _reading(2, **_BY_LABELS))
        assert _known(connection) == _TOGETHER


def test_a_part_that_says_the_same_again_is_not_written(database: Database) -> None:
    with database.connection() as connection:
        w.plan(connection, attempt=9)
        w.put(connection, _reading(1, **_LISTED))
        w.put(connection, _reading(2, **_BY_LABELS))
        row = connection.execute("SELECT xmin::text FROM finfleet.resources").fetchone()
        w.put(connection, _reading(3, **_BY_LABELS))
        assert connection.execute("SELECT xmin::text FROM finfleet.resources").fetchone() == row
