"""One bill, counted once: what is read from files and proven counts before the API, and the API for what they lack."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from storage.cost_scopes import judge_again, left_out
from storage.database import Connection, Database
from telemetry.batch import Batch, Message
from telemetry.costs import BILLED_PROVIDER
from telemetry.target import Target, Window
from tests.integration.test_cost_sources import MEMBER, OTHER, totals
from tests.integration.test_cost_sources import bill as api_bill
from tests.support.deliveries import NOVEMBER, OCTOBER, bill_of, look, minutes, plan, rows, seen, take
from tests.support.writing import put

DAY = timedelta(days=1)
FIRST = datetime(2026, 11, 20, tzinfo=UTC)
"""Of the bills of the API."""


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.connection() as connection:
        yield connection


def deliver(
    connection: Connection,
    version: str,
    amounts: list[str],
    *,
    export: str = "cur",
    period: Window = NOVEMBER,
    at: float = 0,
    day: datetime = FIRST,
    account: str = MEMBER,
    more: Sequence[tuple[datetime, str, str]] = (),
    payer: str = "aws/payer",
    **changes: Any,
) -> None:
    """A version of an export is seen, read and current; ``more``: further lines by day, account and amount."""
    looks, reads = (Target.parse(f"{payer}/{export}/{service}") for service in ("bill_deliveries", "bill_files"))
    plan(connection, looks, reads)
    look(connection, seen(version, period), at=minutes(at), looks=looks)
    (dispatch,) = [one for one in take(connection, minutes(at), reads) if one.target == reads]
    sent = bill_of(dispatch, version, amounts, started=minutes(at + 1), day=day, account=account, **changes)
    if more:
        sent[0] = _with(sent[0], more)
    put(connection, *sent, now=minutes(at + 2))


def _with(batch: Message, more: Sequence[tuple[datetime, str, str]]) -> Message:
    assert isinstance(batch, Batch)
    further = [
        replace(batch.costs[0], start=start, end=start + DAY, sub_account_id=owner, billed_cost=Decimal(amount))
        for start, owner, amount in more
    ]
    (told,) = batch.deliveries
    rows_read = (told.rows_read or 0) + 2 * len(further)
    files = [replace(told.files[0], rows=rows_read)]
    return replace(batch, costs=[*batch.costs, *further], deliveries=[replace(told, rows_read=rows_read, files=files)])


def reasons(connection: Connection) -> dict[tuple[str, str, str], str]:
    found = rows(connection, "SELECT * FROM reporting.cost_sources WHERE NOT counts")
    return {(row["service"], row["region"], row["sub_account_id"]): row["reason"] for row in found}


@pytest.mark.parametrize("file_first", [True, False])
def test_the_file_counts_and_the_api_for_the_days_that_it_lacks(connection: Connection, *, file_first: bool) -> None:
    if file_first:
        deliver(connection, "v1", ["10.01"])
    api_bill(connection, "payer", [(MEMBER, "10"), (OTHER, "5")])
    if not file_first:
        deliver(connection, "v1", ["10.01"])
    api_bill(connection, "payer", [(MEMBER, "7")], day=1)
    assert totals(connection) == {MEMBER: Decimal("17.01"), OTHER: Decimal(5)}
    assert reasons(connection) == {("cost", "global", MEMBER): "it is read from files, and proven to the row"}
    assert left_out(connection) == [], "as it should be"
    # As a writer of a former release leaves it.
    connection.execute(b"UPDATE finfleet.cost_scopes SET counts = NOT counts WHERE day = '2026-11-20'")
    assert (judge_again(connection), judge_again(connection)) == (1, 0)
    assert totals(connection) == {MEMBER: Decimal("17.01"), OTHER: Decimal(5)}


def test_until_it_is_proven_the_api_counts(connection: Connection) -> None:
    api_bill(connection, "payer", [(MEMBER, "10")])
    plan(connection)
    look(connection, seen("v1"))
    (dispatch,) = take(connection)
    sent = bill_of(dispatch, "v1", ["10.01"], day=FIRST, account=MEMBER)
    put(connection, sent[0], now=minutes(1))
    assert totals(connection) == {MEMBER: Decimal(10)}
    put(connection, sent[1], now=minutes(2))
    assert totals(connection) == {MEMBER: Decimal("10.01")}


def test_taking_the_export_away_changes_no_total(connection: Connection) -> None:
    deliver(connection, "v1", ["10.01"])
    api_bill(connection, "payer", [(MEMBER, "10")])
    connection.execute(b"UPDATE finfleet.targets SET enabled = false WHERE delivered")
    assert judge_again(connection) == 0
    api_bill(connection, "payer", [(MEMBER, "10")], attempt=2)
    assert totals(connection) == {MEMBER: Decimal("10.01")}


def test_two_exports_of_one_account_count_once_and_the_one_that_is_configured(connection: Connection) -> None:
    deliver(connection, "v1", ["10.01"])
    deliver(connection, "w1", ["10.02"], export="another")
    assert totals(connection) == {MEMBER: Decimal("10.02")}, "the first by its name"
    connection.execute(b"UPDATE finfleet.targets SET enabled = false WHERE region = 'another'")
    assert (judge_again(connection), judge_again(connection)) == (1, 0)
    assert totals(connection) == {MEMBER: Decimal("10.01")}


def test_the_file_of_a_payer_counts_before_the_api_of_its_member(connection: Connection) -> None:
    api_bill(connection, "member", [(MEMBER, "10"), (MEMBER, "1"), (OTHER, "3")])
    deliver(connection, "v1", ["11.5"])
    assert totals(connection) == {MEMBER: Decimal("11.5"), OTHER: Decimal(3)}


def test_a_restated_version_replaces_the_former_one_in_every_sum(connection: Connection) -> None:
    deliver(connection, "v1", ["10.01", "2"])
    deliver(connection, "v2", ["10.02"], at=60)
    api_bill(connection, "payer", [(MEMBER, "10")])
    assert totals(connection) == {MEMBER: Decimal("10.02")}


def test_charges_of_another_month_count_beside_those_of_the_day(connection: Connection) -> None:
    """On November's invoice is a correction of 31 October: it takes nothing from October, whoever tells of that."""
    last = OCTOBER.end - DAY
    api_bill(connection, "payer", [(MEMBER, "10")], day=-20)
    deliver(connection, "nov", ["-1.5"], day=last)
    assert totals(connection) == {MEMBER: Decimal("8.5")}
    deliver(connection, "oct", ["10.25"], period=OCTOBER, day=last, at=60)
    assert totals(connection) == {MEMBER: Decimal("8.75")}
    deliver(connection, "other nov", ["-1.75"], export="second", day=last, at=120)
    assert totals(connection) == {MEMBER: Decimal("8.75")}, "two exports have the same invoice"


@pytest.mark.parametrize("file_first", [True, False])
@pytest.mark.parametrize("told", [MEMBER, ""])
def test_an_api_that_names_no_account_that_day_is_not_counted_beside_the_file(
    connection: Connection, told: str, *, file_first: bool
) -> None:
    if file_first:
        deliver(connection, "v1", ["10.01"], account=told)
    api_bill(connection, "payer", [("", "10")])
    api_bill(connection, "another", [("", "3")])
    api_bill(connection, "payer", [("", "7")], day=1)
    if not file_first:
        deliver(connection, "v1", ["10.01"], account=told)
    assert sum(totals(connection).values()) == Decimal("20.01")


@pytest.mark.parametrize("known_first", [True, False])
def test_two_exports_that_name_no_account_count_once_where_they_are_known_to_be_of_one_bill(
    connection: Connection, *, known_first: bool
) -> None:
    """A tax of the month names none: they are of one bill, since they name the same account on another day."""
    exports = ["cur", "another"] if known_first else ["another", "cur"]
    for export in exports:
        deliver(connection, "v1", ["10"], export=export, more=[(FIRST + DAY, "", "3")])
    assert totals(connection) == {MEMBER: Decimal(10), "": Decimal(3)}
    assert reasons(connection)["bill_files", "cur", ""] == (
        "another export of the same bill names no account that day either, and counts"
    )
    # As a writer of a former release leaves it.
    connection.execute(b"UPDATE finfleet.cost_scopes SET counts = true WHERE sub_account_id = ''")
    assert (judge_again(connection), judge_again(connection)) == (1, 0)
    assert totals(connection) == {MEMBER: Decimal(10), "": Decimal(3)}
    connection.execute(b"UPDATE finfleet.targets SET enabled = false WHERE region = 'another'")
    assert judge_again(connection)
    deliver(connection, "v2", ["11"], more=[(FIRST + DAY, "", "4")], at=60)
    assert totals(connection) == {MEMBER: Decimal(11), "": Decimal(4)}


def test_where_it_can_not_be_known_whether_two_exports_are_of_one_bill_it_is_said(connection: Connection) -> None:
    for export in ("cur", "another"):
        deliver(connection, "v1", ["3"], export=export, account="")
    assert totals(connection) == {"": Decimal(6)}
    told = {row["reason"] for row in rows(connection, "SELECT * FROM reporting.cost_sources")}
    assert told == {"another export names no account either: configure one of them if both are of one bill"}


@pytest.mark.parametrize("file_first", [True, False])
def test_a_bill_in_focus_counts_once_with_that_of_the_provider_itself(
    connection: Connection, *, file_first: bool
) -> None:
    """Whether it is of the payer or of a member, of an API or of files."""

    def focus() -> None:
        of = {BILLED_PROVIDER: "aws"}
        deliver(connection, "f1", ["10.01"], payer="focus/default", more=[(FIRST, OTHER, "5")], details=of)

    if file_first:
        focus()
    api_bill(connection, "payer", [(MEMBER, "10"), (OTHER, "5.5"), ("333333333333", "1")])
    api_bill(connection, "member", [(MEMBER, "10")])
    if not file_first:
        focus()
    assert totals(connection) == {MEMBER: Decimal("10.01"), OTHER: Decimal(5), "333333333333": Decimal(1)}
    assert set(reasons(connection).values()) == {"it is read from files, and proven to the row"}
    # As a writer of a former release leaves it.
    connection.execute(b"UPDATE finfleet.cost_scopes SET counts = NOT counts")
    assert (judge_again(connection), judge_again(connection)) == (1, 0)
    assert totals(connection) == {MEMBER: Decimal("10.01"), OTHER: Decimal(5), "333333333333": Decimal(1)}
    # The provider's own export of a payer, which bills one account more that day.
    third = ("333333333333", "1.25")
    deliver(connection, "v1", ["10.02"], more=[(FIRST, OTHER, "5.02"), (FIRST, *third)])
    assert totals(connection) == {MEMBER: Decimal("10.02"), OTHER: Decimal("5.02"), third[0]: Decimal(third[1])}


@pytest.mark.parametrize("of", [{}, {BILLED_PROVIDER: "gcp"}])
def test_a_bill_of_another_provider_counts_beside_whatever_its_accounts_are_called(
    connection: Connection, of: dict[str, str]
) -> None:
    deliver(connection, "f1", ["10.01"], payer="focus/default", details=of)
    api_bill(connection, "payer", [(MEMBER, "10")])
    assert totals(connection) == {MEMBER: Decimal("20.01")}
