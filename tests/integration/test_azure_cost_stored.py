"""A bill of Azure's on its way into Postgres: a page that fails leaves the day as it was."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from agents.core.context import Shared
from emulators.azure import DEFAULT_SUBSCRIPTION, LocalAzure
from emulators.azure.cost import CostLine
from storage.database import Connection, Database
from telemetry.batch import Outcome
from telemetry.target import Target, Window
from tests.support import writing
from tests.support.azure import shared, standing_azure
from tests.support.collecting import Collected, collect

TARGET = Target("azure", "default", "global", "cost")
DAY = Window(datetime(2026, 11, 22, tzinfo=UTC), datetime(2026, 11, 23, tzinfo=UTC))
ROWS = 60


@pytest.fixture(scope="module")
def running() -> Iterator[LocalAzure]:
    with standing_azure() as azure:
        azure.costs.page_size = 10
        yield azure


@pytest.fixture
def azure(running: LocalAzure) -> LocalAzure:
    running.faults.clear()
    return running


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.connection() as connection:
        writing.plan(connection, TARGET, DAY, attempt=3)
        yield connection


def _charge(azure: LocalAzure, amount: int) -> None:
    lines = [CostLine(resource_id=f"/vm-{n}", service_name="S", cost=Decimal(amount)) for n in range(ROWS)]
    azure.costs.restate(DEFAULT_SUBSCRIPTION, DAY.start.date(), lines)


def _read(process: Shared, connection: Connection, attempt: int) -> Collected:
    """A reading of the day, in batches of fewer rows than a page has, stored as it is."""
    collected = collect(process, TARGET, DAY, attempt, batch_limit=8)
    writing.put(connection, *collected.batches, collected.report)
    return collected


def _bill(connection: Connection) -> tuple[int, Decimal, Decimal]:
    row = connection.execute(
        "SELECT count(*), sum(billed_cost), sum(effective_cost) FROM reporting.costs WHERE provider = 'azure'"
    ).fetchone()
    assert row is not None
    return row[0], row[1], row[2]


@pytest.mark.parametrize("query", [0, 1], ids=["of what is invoiced", "of what is used"])
def test_a_page_that_fails_in_the_middle_leaves_the_former_day(
    azure: LocalAzure, connection: Connection, query: int
) -> None:
    process = shared(azure)
    _charge(azure, 1)
    assert _read(process, connection, 1).report.outcome is Outcome.COMPLETE
    former = (2 * ROWS, Decimal(ROWS), Decimal(ROWS))
    assert _bill(connection) == former

    _charge(azure, 5)
    azure.faults.inject("bad_page", after=5 * query + 2)
    broken = _read(process, connection, 2)
    assert broken.report.outcome is Outcome.FAILED
    assert ROWS * query < len(broken.costs()) < ROWS * (query + 1), "some of its rows are stored, and stand for nothing"
    assert _bill(connection) == former

    azure.faults.clear()
    assert _read(process, connection, 3).report.outcome is Outcome.COMPLETE
    assert _bill(connection) == (2 * ROWS, Decimal(5 * ROWS), Decimal(5 * ROWS))
