"""The benchmark of questions, small and without a clock: the year is quiet, and each question is answered."""

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import pytest
from pydantic import SecretStr

from benchmarks.servers import Servers
from benchmarks.year import seed
from benchmarks.year.measuring import READER, measure, statements_of
from benchmarks.year.ours import Fleet, fleet
from benchmarks.year.questions import Question, Span, advised, examples, panels, views
from storage.database import Connection, Database
from tests.support.databases import create_database, drop_database
from workers.embedded import EmbeddedPostgres

_SIZE = seed.Size(0.0001)
_DATE = re.compile(rb"'\[?\d{4}-\d\d-\d\d")


class Year(NamedTuple):
    """A database that holds one."""

    url: str
    database: Database
    ends: datetime


@pytest.fixture(scope="module")
def year(postgres_server: EmbeddedPostgres, migrated_template: str) -> Iterator[Year]:
    server = postgres_server.url.get_secret_value()
    url = create_database(server, migrated_template)
    with Database(SecretStr(url), size=2) as database:
        with database.connection() as connection:
            ends = seed.clock(connection)
            seed.seed(connection, _SIZE, ends)
        yield Year(url, database, ends)
    drop_database(server, url)


@pytest.fixture
def connection(year: Year) -> Iterator[Connection]:
    # Roles are the whole server's: what this changes goes with the transaction.
    with year.database.connection() as connection, connection.transaction(force_rollback=True):
        connection.execute(f"GRANT {READER} TO CURRENT_USER".encode())
        yield connection


def _asked(connection: Connection, year: Year) -> list[Question]:
    span = Span(year.ends - 30 * seed.DAY, year.ends)
    return [*views(connection, span), *panels(span), *examples()]


def test_every_view_panel_and_example_has_rows(connection: Connection, year: Year) -> None:
    asked = _asked(connection, year)
    assert {question.of for question in asked} == {"view", "panel", "documentation"}
    rows = {
        f"{one.of} {one.name}": measure(connection, one.statement, rounds=0, limit=60, role=READER).rows
        for one in asked
        # An example may name a day, which need not be one of this year.
        if one.of != "documentation" or not _DATE.search(one.statement)
    }
    assert [name for name, found in rows.items() if not found] == []


def test_every_view_says_what_it_is_to_be_filtered_by(connection: Connection, year: Year) -> None:
    assert [one.name for one in _asked(connection, year) if not one.filter] == []


@pytest.mark.parametrize(
    ("comment", "advice"),
    [
        ("Values. Name a range of start: it leads to the days.", [("a range of", "start")]),
        ("What is null is unknown. Name a range of ChargePeriodStart.", [("a range of", "ChargePeriodStart")]),
        ("Name one breakdown and a range of day.", [("one", "breakdown"), ("a range of", "day")]),
        ("What is gone stays: name a provider, an account, and a range of day.",
         [("one", "provider"), ("one", "account"), ("a range of", "day")]),
        ("Name a range of start, and of day as well.", [("a range of", "start"), ("a range of", "day")]),
        ("For a span, ask for start < its end AND until > its beginning.", [("before", "start"), ("after", "until")]),
        ("The name that people gave it.", []),
    ],
)  # fmt: skip
def test_advice_is_read_off_the_comment(comment: str, advice: list[tuple[str, str]]) -> None:
    assert advised(comment) == advice


@pytest.fixture
def of_the_year(year: Year, redis_url: str, tmp_path: Path) -> Iterator[Fleet]:
    servers = Servers(SecretStr(year.url), SecretStr(redis_url), tmp_path)
    with fleet(servers, year.database, year.ends, tmp_path) as made:
        yield made


def test_nothing_of_the_year_is_due(of_the_year: Fleet) -> None:
    said = of_the_year.sweep()
    assert said == "0 windows opened, 0 denied, failed or refused ones due again, 0 attempts handed out"


def test_what_finfleet_asks_is_told_by_statement(of_the_year: Fleet) -> None:
    asked = {name: statements_of(work) for name, work in of_the_year.questions().items()}
    assert [name for name, statements in asked.items() if not statements] == []
