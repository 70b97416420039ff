"""A statement of anybody's reads the views, and nothing else: whatever it says, as whoever the database knows us."""

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr

from storage.database import Connection, Database
from storage.errors import StorageForbidden
from storage.questions import BadValue, select
from tests.support import writing
from tests.support.databases import create_database, drop_database
from workers.embedded import EmbeddedPostgres

LIMIT = timedelta(seconds=30)


@pytest.fixture(scope="module")
def url(postgres_server: EmbeddedPostgres, migrated_template: str) -> Iterator[str]:
    server = postgres_server.url.get_secret_value()
    made = create_database(server, migrated_template)
    yield made
    drop_database(server, made)


@pytest.fixture(scope="module")
def connection(url: str) -> Iterator[Connection]:
    with Database(SecretStr(url)) as database, database.connection() as connection:
        writing.plan(connection)
        yield connection


def read(connection: Connection, statement: str, timeout: timedelta = LIMIT) -> list[tuple[Any, ...]]:
    with select(connection, statement, timeout) as answer:
        return list(answer.rows)


@pytest.mark.parametrize(
    ("statement", "rows"),
    [
        ("SELECT 1", [(1,)]),
        ("SELECT 1, 2, 'a%s {}'", [(1, 2, "a%s {}")]),
        (" -- of ours; and more\n/* ; */ (SELECT 1);  ", [(1,)]),
        ("SELECT 1; -- note; of ours", [(1,)]),
        ("/* /* x */ */ SELECT 1 /* ; */ ; /* y */ ; ", [(1,)]),
        ("--x\r( --y\nSELECT ';--' || E'\\';/*' || $a$;'$a$ AS \"a;--\") ;--", [(";--';/*;'",)]),
        ("WITH a AS (SELECT 2 AS n) SELECT n FROM a", [(2,)]),
        ("VALUES (1), (2)", [(1,), (2,)]),
        ("SELECT target FROM reporting.coverage", [("aws/default/us-east-1/ec2",)]),
        ("SELECT current_user::text, current_setting('transaction_read_only')", [("finfleet_reader", "on")]),
        ("SELECT count(*) FROM reporting.cost_changes('[2026-01-01,2026-01-02)', '[2026-01-02,2026-01-03)')", [(0,)]),
        ("SELECT max(n) - 1 FROM generate_series(1, 9000) AS n WHERE n = ANY (ARRAY[5]) AND n::text ~ '5'", [(4,)]),
        ("SELECT random() < 2", [(True,)]),
    ],
)
def test_a_query_is_answered(connection: Connection, statement: str, rows: list[tuple[Any, ...]]) -> None:
    assert read(connection, statement) == rows


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("", "is no query"),
        ("RESET ROLE", "is no query"),
        ("SET ROLE finfleet", "is no query"),
        ("DO $$ BEGIN NULL; END $$", "is no query"),
        ("COPY (SELECT 1) TO PROGRAM 'touch /tmp/owned'", "is no query"),
        ("EXPLAIN ANALYZE SELECT 1", "is no query"),
        ("DELETE FROM finfleet.targets", "is no query"),
        ("SELECT 1; RESET ROLE", "syntax error|multiple commands"),
        ("SELECT 1; DROP TABLE finfleet.targets; --", "syntax error|multiple commands"),
        ("SELECT 1) AS q; DROP TABLE finfleet.targets; SELECT FROM (SELECT 1", "multiple commands|syntax error"),
        ("SELECT 1) AS a, (SELECT 2", "syntax error"),
        ("COMMIT; SELECT 1", "is no query"),
        ("WITH gone AS (DELETE FROM finfleet.targets RETURNING 1) SELECT 1", "permission denied|must not contain"),
        ("SELECT 1 AS n INTO pg_temp.taken", "INTO"),
        ("SELECT * FROM finfleet.targets", "permission denied for schema finfleet: role finfleet_reader reads"),
        ("TABLE finfleet.targets", "permission denied"),
        ("SELECT FROM reporting.coverage FOR UPDATE", "permission denied|FOR UPDATE"),
        ("SELECT set_config('role', 'none', true)", r"set_config\(text,text,boolean\) may not be called"),
        ("SELECT pg_catalog.\"set_config\"('statement_timeout', '0', false)", "set_config"),
        ("SELECT U&\"\\0073et_config\"('role', 'none', true)", "set_config"),
        ("SELECT 1 ORDER BY set_config('role', 'none', true)", "set_config"),
        ("SELECT * FROM set_config('role', 'none', true)", "set_config"),
        ("SELECT count(*) FILTER (WHERE set_config('role', 'none', true) = '') FROM (VALUES (1)) AS v", "set_config"),
        ("SELECT 1 WHERE EXISTS (SELECT FROM (VALUES (set_config('role', 'none', true))) AS v)", "set_config"),
        ("SELECT query_to_xml('SELECT set_config(''role'', ''none'', true)', true, true, '')", "query_to_xml"),
        ("SELECT * FROM ts_stat('SELECT to_tsvector(''a'')')", "ts_stat"),
        ("SELECT pg_read_file('/etc/passwd')", "pg_read_file|permission denied"),
        ("SELECT pg_ls_dir('/')", "pg_ls_dir|permission denied"),
        ("SELECT lo_import('/etc/passwd')", "lo_import|permission denied"),
        ("SELECT lo_create(0)", "lo_create"),
        ("SELECT pg_sleep(60)", "pg_sleep"),
        ("SELECT pg_advisory_lock(1)", "pg_advisory_lock"),
        ("SELECT pg_terminate_backend(pg_backend_pid())", "pg_terminate_backend"),
        ("SELECT nextval('finfleet.targets_target_id_seq')", "nextval|permission denied"),
        ("SELECT pg_notify('a', 'b')", "pg_notify"),
        ("SELECT no_such_column", 'column "no_such_column" does not exist'),
        ("SELECT 1 / 0", "division by zero"),
        ("SELECT $1", "parameter"),
        ("/* /* x */ SELECT 1", "a remark is not closed"),
        ("SELECT 1 /* x", "a remark is not closed"),
        ("SELECT 'infinity'::timestamptz", "::text"),
        ("-- SELECT 1", "is no query"),
        ("SELECT 'a\0b'", "NUL"),
    ],
)  # fmt: skip
def test_what_does_more_than_read_is_refused_in_words(connection: Connection, statement: str, says: str) -> None:
    before = connection.execute("SELECT count(*) FROM finfleet.targets").fetchone()
    with pytest.raises(BadValue, match=says):
        read(connection, statement)
    # The connection is as it was.
    assert connection.execute("SELECT count(*) FROM finfleet.targets").fetchone() == before
    row = connection.execute("SELECT current_user = session_user, current_setting('transaction_read_only')").fetchone()
    assert row == (True, "off")


def test_functions_that_somebody_made_are_not_called(connection: Connection) -> None:
    # One of the extension tablefunc runs the text that it is given, and calls itself stable.
    connection.execute(
        "CREATE FUNCTION public.run(query text) RETURNS text LANGUAGE plpgsql STABLE AS"
        " $$ BEGIN EXECUTE query; RETURN 'done'; END $$"
    )
    connection.execute("CREATE OPERATOR public.!!! (FUNCTION = public.run, RIGHTARG = text)")
    for statement in ("SELECT public.run('RESET ROLE')", "SELECT OPERATOR(public.!!!) 'RESET ROLE'"):
        with pytest.raises(BadValue, match=r"public\.run\(text\) may not be called"):
            read(connection, statement)


def test_a_statement_that_takes_too_long_is_ended_in_words(connection: Connection) -> None:
    endless = "SELECT count(*) FROM generate_series(1, 1000000000000) AS n"
    with pytest.raises(BadValue, match=r"took longer than 0.1 s: narrow it, or allow more by --timeout"):
        read(connection, endless, timedelta(seconds=0.1))


def test_all_pages_are_within_the_time(connection: Connection) -> None:
    slow = "SELECT n, (SELECT sum(m) FROM generate_series(1, 500 + n % 2) AS m) FROM generate_series(1, 100000) AS n"
    with pytest.raises(BadValue, match=r"took longer than 0.6 s"):
        read(connection, slow, timedelta(seconds=0.6))


def test_rows_come_a_page_at_a_time(connection: Connection) -> None:
    with select(connection, "SELECT n FROM generate_series(1, 10000000) AS n", LIMIT) as answer:
        assert [column.name for column in answer.columns] == ["n"]
        assert [next(answer.rows) for _ in range(3)] == [(1,), (2,), (3,)]


def test_whoever_may_not_become_the_reader_is_told_what_to_do(connection: Connection, url: str) -> None:
    connection.execute("DROP ROLE IF EXISTS stranger")
    connection.execute("CREATE ROLE stranger LOGIN PASSWORD 'canary'")
    try:
        with (
            closing(psycopg.connect(url, user="stranger", password="canary", autocommit=True)) as stranger,
            pytest.raises(StorageForbidden, match="GRANT finfleet_reader TO that role"),
        ):
            read(stranger, "SELECT 1")
    finally:
        connection.execute("DROP ROLE stranger")


def test_a_server_that_takes_no_changes_is_told_of(connection: Connection) -> None:
    connection.execute("SET default_transaction_read_only TO on")
    try:
        with pytest.raises(BadValue, match="ask the primary"):
            read(connection, "SELECT 1")
    finally:
        connection.execute("RESET default_transaction_read_only")
