"""The views of a database are those of their files, however it came to them, and whoever could read one still can."""

import secrets
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr

from storage import views
from storage.errors import StorageError
from storage.migrate import check_drift, downgrade, migrate
from storage.revision import head
from storage.views import View

_STATE = """
SELECT c.relname, '' AS of, pg_get_viewdef(c.oid) AS says, obj_description(c.oid, 'pg_class') AS means,
       (SELECT array_agg(concat_ws(' ', acl.grantee::regrole, acl.privilege_type, acl.is_grantable)
                         ORDER BY acl.grantee::regrole::text, acl.privilege_type)
          FROM aclexplode(c.relacl) AS acl) AS grants
  FROM pg_class AS c
 WHERE c.relnamespace = 'reporting'::regnamespace
UNION ALL
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), col_description(a.attrelid, a.attnum), NULL
  FROM pg_class AS c
  JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
 WHERE c.relnamespace = 'reporting'::regnamespace
 ORDER BY 1, 2
"""
Connection = psycopg.Connection[Any]


@pytest.fixture
def url(database_url: str) -> SecretStr:
    return SecretStr(database_url)


@pytest.fixture
def connection(url: SecretStr) -> Iterator[Connection]:
    with psycopg.connect(url.get_secret_value(), autocommit=True) as connection:
        connection.execute("SET search_path TO pg_catalog")
        yield connection


def state(connection: Connection) -> list[tuple[Any, ...]]:
    """Everything of the views that somebody may see."""
    return connection.execute(_STATE).fetchall()


def changed(name: str, change: Callable[[str], str], comments: dict[str, str] | None = None) -> list[View]:
    """Our views, of which one is another now."""
    ours = views.load()
    (old,) = [view for view in ours if view.name == name]
    new = View(name, change(old.query), {**old.comments, **(comments or {})})
    assert new != old
    return [new if view.name == name else view for view in ours]


def add_column(name: str) -> list[View]:
    """Its columns stay what they are, and there is one more."""
    added = {"added": "What was added."}
    return changed(name, lambda query: f"SELECT *, 1 AS added FROM ({query}) AS old", added)  # noqa: S608 - of ours


def turn_columns(name: str, first: str, second: str) -> list[View]:
    """Two of its columns change places."""
    return changed(name, lambda query: query.replace(f"{first}, {second}", f"{second}, {first}", 1))


# The files and a database agree ---------------------------------------------------------------------------------------


def test_the_views_after_all_migrations_are_those_of_the_files_alone(connection: Connection) -> None:
    migrated = state(connection)
    views.drop(connection, views.load())
    assert state(connection) == []
    assert views.refresh(connection, views.load()) == [view.name for view in views.load()]
    assert state(connection) == migrated


def test_no_view_is_without_a_file_nor_a_file_without_a_view_and_all_is_said(connection: Connection) -> None:
    found = state(connection)
    assert {view for view, *_ in found} == {view.name for view in views.load()}
    assert [(view, column) for view, column, _, means, _ in found if not means] == []
    said = {(view.name, of): text for view in views.load() for of, text in view.comments.items()}
    assert said == {(view, column): means for view, column, _, means, _ in found}


def test_every_view_is_granted_to_the_role_that_reads_and_to_nobody_else(connection: Connection) -> None:
    grants = {view: grants for view, column, _, _, grants in state(connection) if not column}
    owner = connection.info.user
    assert {grant for given in grants.values() for grant in given if not grant.startswith(f"{owner} ")} == {
        "finfleet_reader SELECT f"
    }
    assert [view for view, given in grants.items() if "finfleet_reader SELECT f" not in given] == []


@pytest.mark.parametrize(
    "change",
    [
        "CREATE OR REPLACE VIEW reporting.resources AS {definition} WHERE true",
        "COMMENT ON VIEW reporting.resources IS 'something else'",
        "COMMENT ON COLUMN reporting.resources.tags IS NULL",
        "DROP VIEW reporting.resources",
    ],
)
def test_a_difference_is_found_and_migrating_mends_it(url: SecretStr, connection: Connection, change: str) -> None:
    before = state(connection)
    definition = next(says for view, column, says, *_ in before if (view, column) == ("resources", ""))
    connection.execute(change.format(definition=definition.rstrip(";")).encode())
    with pytest.raises(StorageError, match=r"differ from their files, storage/views: resources$"):
        check_drift(url)
    assert state(connection) != before, "whoever only looks changes nothing"
    migrate(url)
    assert state(connection) == before
    check_drift(url)


def test_before_the_files_the_views_are_again_those_that_the_migrations_made(
    url: SecretStr, connection: Connection
) -> None:
    # To the head of a database that has the migrations' own views, and back, with a view that they do not know.
    downgrade(url, "base")
    migrate(url, "0006")
    made_by_migrations = state(connection)
    migrate(url)
    views.refresh(connection, add_column("gaps"))
    views.refresh(connection, turn_columns("costs", "l.list_cost", "l.contracted_cost"))
    downgrade(url, "0006")
    assert state(connection) == made_by_migrations
    downgrade(url, "base")
    migrate(url)
    check_drift(url)


# A view changes -------------------------------------------------------------------------------------------------------


def test_where_nothing_differs_nobody_who_reads_is_in_the_way(url: SecretStr, connection: Connection) -> None:
    with psycopg.connect(url.get_secret_value()) as reader:
        for view in views.load():
            reader.execute(f"SELECT * FROM reporting.{view.name}".encode())  # noqa: S608 - names of files
        migrate(url, lock_wait=0.2)
        assert views.refresh(connection, views.load()) == []


@pytest.fixture
def guest(connection: Connection) -> Iterator[str]:
    """A role that an administrator has granted more than finfleet does."""
    name = f"guest_{secrets.token_hex(4)}"
    connection.execute(f"CREATE ROLE {name}".encode())
    yield name
    connection.execute(f"REVOKE ALL ON ALL TABLES IN SCHEMA reporting FROM {name}".encode())
    connection.execute(f"DROP ROLE {name}".encode())


def test_a_column_more_changes_the_view_in_place_and_none_that_reads_it(connection: Connection) -> None:
    connection.execute("CREATE VIEW reporting.of_somebody AS SELECT sum(billed_cost) FROM reporting.costs")
    oids = "SELECT oid FROM pg_class WHERE relnamespace = 'reporting'::regnamespace ORDER BY oid"
    before = connection.execute(oids).fetchall()
    assert views.refresh(connection, add_column("costs")) == ["costs"]
    assert connection.execute(oids).fetchall() == before
    assert ("costs", "added", "integer", "What was added.", None) in state(connection)


def test_columns_that_change_places_keep_grants_and_comments_and_what_reads_them(
    connection: Connection, guest: str
) -> None:
    before = state(connection)
    connection.execute(f"GRANT SELECT ON reporting.daily_costs TO {guest} WITH GRANT OPTION".encode())
    connection.execute("GRANT SELECT ON reporting.cost_summaries TO PUBLIC")
    connection.execute("ALTER DEFAULT PRIVILEGES IN SCHEMA reporting REVOKE SELECT ON TABLES FROM finfleet_reader")
    granted = {(view, *given) for view, column, _, _, given in state(connection) if not column}
    turned = turn_columns("cost_summaries", "m.list_cost", "m.contracted_cost")
    assert views.refresh(connection, turned) == ["cost_summaries", "daily_costs"]
    after = state(connection)
    assert {(view, *given) for view, column, _, _, given in after if not column} == granted
    assert [row[:2] + row[3:4] for row in after] == [row[:2] + row[3:4] for row in before]
    columns = [column.name for column in connection.execute("SELECT * FROM reporting.cost_summaries").description or ()]
    assert columns.index("contracted_cost") + 1 == columns.index("list_cost")


def test_a_view_of_somebody_else_that_reads_such_columns_is_named_and_nothing_changes(connection: Connection) -> None:
    connection.execute("CREATE SCHEMA theirs")
    connection.execute("CREATE VIEW theirs.bill AS SELECT * FROM reporting.daily_costs")
    before = state(connection)
    turned = turn_columns("cost_summaries", "m.list_cost", "m.contracted_cost")
    with pytest.raises(
        StorageError, match=r"columns of reporting\.cost_summaries change, and theirs\.bill .*make it again"
    ):
        views.refresh(connection, turned)
    assert state(connection) == before


def test_with_views_that_cannot_be_made_the_last_migration_is_not_made_either(
    url: SecretStr, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    downgrade(url, "0006")
    before = state(connection)
    revision = "SELECT version_num FROM finfleet.alembic_version"
    turned = turn_columns("costs", "l.list_cost", "l.contracted_cost")
    connection.execute("CREATE SCHEMA theirs CREATE VIEW bill AS SELECT * FROM reporting.costs")
    with monkeypatch.context() as patch:
        patch.setattr(views, "load", lambda: turned)
        with pytest.raises(StorageError, match=r"theirs\.bill of somebody else reads them: drop it"):
            migrate(url)
        assert connection.execute(revision).fetchone() != (head(),)
        assert state(connection) == before
        connection.execute("DROP VIEW theirs.bill")
        migrate(url)
        assert connection.execute(revision).fetchone() == (head(),)
        assert views.refresh(connection, turned) == []
    migrate(url, head())  # the head by its name is the head
    check_drift(url)


def test_what_a_view_cannot_be_made_of_changes_nothing(connection: Connection) -> None:
    before = state(connection)
    broken = changed("resources", lambda query: query.replace("finfleet.resources", "finfleet.sources"))
    with pytest.raises(psycopg.errors.UndefinedTable):
        views.refresh(connection, broken)
    assert state(connection) == before
