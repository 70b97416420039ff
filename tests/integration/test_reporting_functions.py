"""The functions of schema reporting are those of their files, and whoever may read the views may call them."""

import secrets
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr

from storage import standing
from storage.errors import StorageError
from storage.migrate import check_drift, migrate
from storage.views import functions

Connection = psycopg.Connection[Any]
_OCTOBER = "'[2026-10-01,2026-11-01)'"


@pytest.fixture
def url(database_url: str) -> SecretStr:
    return SecretStr(database_url)


@pytest.fixture
def connection(url: SecretStr) -> Iterator[Connection]:
    with psycopg.connect(url.get_secret_value(), autocommit=True) as connection:
        yield connection


def test_each_says_what_it_is_for_and_no_line_is_too_long() -> None:
    for function in functions.load():
        assert function.comment
        assert [line for line in function.rest.splitlines() if len(line) > 120] == []


@pytest.mark.parametrize(
    "change",
    [
        "COMMENT ON FUNCTION reporting.costs_as_of IS 'something else'",
        "ALTER FUNCTION reporting.cost_changes RESET ALL",
        "DROP FUNCTION reporting.cost_changes",
        """
        DROP FUNCTION reporting.costs_as_of;
        CREATE FUNCTION reporting.costs_as_of(at date) RETURNS int LANGUAGE sql AS 'SELECT 1'
        """,
    ],
)
def test_a_difference_is_found_and_migrating_mends_it(url: SecretStr, connection: Connection, change: str) -> None:
    check_drift(url)
    connection.execute(change.encode())
    with pytest.raises(StorageError, match=r"functions differ from their files, storage/views: cost"):
        check_drift(url)
    migrate(url)
    check_drift(url)
    assert functions.refresh(connection, functions.load()) == []


def test_one_that_is_missing_is_named_and_keeps_nothing_of_the_fleet_from_its_work(connection: Connection) -> None:
    assert standing.look(connection) == standing.Standing()
    for function in functions.load():
        with connection.transaction(force_rollback=True):
            connection.execute(f"DROP FUNCTION reporting.{function.name}".encode())
            named = f"function reporting.{function.name} is missing: run `finfleet db migrate`"
            assert standing.look(connection) == standing.Standing(reader=(named,))


def test_what_somebody_built_on_one_is_in_nobodys_way_unless_its_columns_change(
    url: SecretStr, connection: Connection
) -> None:
    connection.execute("CREATE VIEW public.mine AS SELECT * FROM reporting.costs_as_of(now())")
    migrate(url)
    check_drift(url)
    (as_of,) = [one for one in functions.load() if one.name == "costs_as_of"]
    other = as_of._replace(
        rest=as_of.rest.replace("kept text\n", "kept text, more text\n").replace("v.kept\n", "v.kept, ''\n")
    )
    with pytest.raises(StorageError, match=r"reporting\.costs_as_of change, and something of somebody else"):
        functions.refresh(connection, [other])
    connection.execute("DROP VIEW public.mine")
    assert functions.refresh(connection, [other]) == ["costs_as_of"]


def test_who_reads_the_views_may_call_them(connection: Connection, database_url: str) -> None:
    name = f"reader_{secrets.token_hex(4)}"
    connection.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'canary' IN ROLE finfleet_reader".encode())
    with closing(psycopg.connect(database_url, user=name, password="canary")) as reader:
        assert reader.execute("SELECT * FROM reporting.costs_as_of(now())").fetchall() == []
        query = f"SELECT * FROM reporting.cost_changes({_OCTOBER}, {_OCTOBER})"  # noqa: S608 - ours
        assert reader.execute(query.encode()).fetchall() == []
    connection.execute(f"DROP ROLE {name}".encode())


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("", r"before \(<NULL>\) and after \(<NULL>\) have to be ranges of days with two ends"),
        (f"{_OCTOBER}, '[2026-10-01,)'", "have to be ranges of days with two ends"),
        (f"{_OCTOBER}, 'empty'", "have to be ranges of days with two ends"),
        (f"{_OCTOBER}, {_OCTOBER}, '{{color}}'", r"per is \{color\}, and has to be some of \{provider"),
        (f"{_OCTOBER}, {_OCTOBER}, '{{}}'", "per is {}"),
        (f"{_OCTOBER}, {_OCTOBER}, cost => 'price'", r"cost is price, and has to be one of \{billed_cost"),
        ("run_before => gen_random_uuid()", "two versions are told by run_before and run_after"),
        ("run_before => gen_random_uuid(), run_after => gen_random_uuid()", "are not both versions of a bill"),
    ],
)
def test_arguments_that_make_no_sense_are_refused_in_words(connection: Connection, arguments: str, says: str) -> None:
    with pytest.raises(psycopg.Error, match=says) as found:
        connection.execute(f"SELECT * FROM reporting.cost_changes({arguments})".encode())  # noqa: S608 - ours
    assert found.value.diag.message_hint


def test_a_file_that_is_no_function_is_refused_by_its_name(tmp_path: Path) -> None:
    tmp_path.joinpath("one.sql").write_text("CREATE FUNCTION reporting.other() RETURNS int AS 'SELECT 1';\n")
    with pytest.raises(ValueError, match=r"called/one\.sql: begin it with CREATE FUNCTION reporting\.one"):
        functions.load(tmp_path)
