"""A folder of files of FOCUS, from the look to the bill that counts: through the real services, and the ledger."""

import os
import uuid
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from agents.core.collection import Collection
from agents.core.context import Shared
from storage.database import Connection, Database
from telemetry.batch import Run
from telemetry.settings import Settings
from telemetry.target import Target, Window
from tests.support.azure_exports import encoded, focus_row
from tests.support.collecting import collect
from tests.support.deliveries import HOUR, NOW, bill, look, minutes, plan, states, take
from tests.support.granting import granted
from tests.support.writing import put

LOOKS = Target("focus", "default", "main", "deliveries")
READS = Target("focus", "default", "main", "files")


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.connection() as connection:
        plan(connection, LOOKS, READS)
        yield connection


def _write(folder: Path, *costs: str, age: timedelta) -> None:
    """The bill of November, written so long before."""
    path = folder / "2026-11" / "bill.csv"
    path.parent.mkdir(exist_ok=True)
    rows = [focus_row("2026-11-02", cost, SkuId=f"sku-{number}") for number, cost in enumerate(costs)]
    path.write_bytes(encoded(rows, list(rows[0]), "csv"))
    written = (NOW - age).timestamp()
    os.utime(path, (written, written))


def _shared(folder: Path, at: int) -> Shared:
    given = {"focus": {"sources": [{"name": "main", "url": f"file://{folder}"}]}}
    return Shared(Settings.model_validate(given), now=lambda: minutes(at))


def _look(connection: Connection, folder: Path, at: int) -> None:
    found = collect(_shared(folder, at), LOOKS, Window(NOW - HOUR, NOW))
    assert found.error is None
    told = [one for batch in found.batches for one in batch.deliveries]
    look(connection, *told, at=minutes(at), looks=LOOKS)


def _read(connection: Connection, folder: Path, at: int) -> None:
    (given,) = take(connection, minutes(at), READS)
    grant = granted(given.target, given.window, given.attempt)
    run = Run(uuid.uuid4(), given.target, given.window, given.attempt, minutes(at), grant)
    collection = Collection(_shared(folder, at), run)
    batches = list(collection.batches())
    put(connection, *batches, collection.report(), now=minutes(at + 1))


def test_a_month_is_seen_read_restated_and_taken_back(connection: Connection, tmp_path: Path) -> None:
    _write(tmp_path, "1.25", "2", age=5 * HOUR)
    _look(connection, tmp_path, 0)
    assert list(states(connection).values()) == ["seen"]
    _read(connection, tmp_path, 1)
    (first,) = states(connection)
    assert states(connection) == {first: "current"}
    assert bill(connection) == [Decimal("1.25"), Decimal(2)]

    _look(connection, tmp_path, 60)
    assert take(connection, minutes(61), READS) == [], "nothing has changed"

    _write(tmp_path, "1.25", "3", "4", age=4 * HOUR)
    _look(connection, tmp_path, 120)
    assert bill(connection) == [Decimal("1.25"), Decimal(2)], "the former version stands until the new one is proven"
    _read(connection, tmp_path, 121)
    assert states(connection)[first] == "superseded"
    assert sorted(states(connection).values()) == ["current", "superseded"]
    assert bill(connection) == [Decimal("1.25"), Decimal(3), Decimal(4)]

    _write(tmp_path, "1.25", "2", age=5 * HOUR)
    _look(connection, tmp_path, 180)
    _read(connection, tmp_path, 181)
    assert bill(connection) == [Decimal("1.25"), Decimal(2)], "what lies there counts, though it is older"
