"""``finfleet anomalies``: days that cost something else than was to be expected."""

from __future__ import annotations

import getpass
import re
from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID

import click

from storage.anomalies import keeping
from storage.anomalies.keeping import Anomaly
from storage.database import Connection
from storage.revision import check_migrated
from tasks.maintenance import rules_of
from telemetry.terminal import complain, say
from workers.groups import Group
from workers.output import json_option, print_json, print_table, progress
from workers.process import fleet_settings, open_database

F = TypeVar("F", bound=Callable[..., Any])
_ID = 8
"""Characters of an id that are shown, and enough to name it."""
_MOST = 100_000
_BEGINNING = re.compile(r"[0-9a-fA-F-]{1,36}")


class _Id(click.ParamType[str]):
    name = "ID"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not _BEGINNING.fullmatch(value):
            self.fail(f"{str(value)[:40]!r} is no beginning of an id such as 3f2a91c4", param, ctx)
        return str(value)


@click.group(name="anomalies", cls=Group)
def command() -> None:
    """Days that cost something else than was to be expected: list them, and note what they are.

    The planner looks for them every six hours, where a bill has changed. Only days whose bill is whole are judged.
    """


@command.command(name="list")
@click.option("--all", "every", is_flag=True, help="Also those that are explained, or withdrawn since.")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="Only those that began on that day or later.")
@click.option("--limit", type=click.IntRange(1, _MOST), default=50, show_default=True, help="Maximum number.")
@json_option
def list_(every: bool, since: datetime | None, limit: int, as_json: bool) -> None:
    """List the newest anomalies: what was expected, what it cost, and the service that weighs most."""
    first = date(1970, 1, 1) if since is None else since.date()
    with open_database(fleet_settings(), "finfleet anomalies") as database, database.connection() as connection:
        found = keeping.listing(connection, since=first, every=every, limit=limit)
    if as_json:
        print_json([one._asdict() for one in found])
        return
    print_table(_COLUMNS, [_row(one) for one in found], right=("expected", "cost", "difference"))
    if len(found) == limit:
        progress(f"the newest {limit:,}: --limit shows more")


@command.command()
@click.argument("anomaly", metavar="ID", type=_Id())
@click.option("--limit", type=click.IntRange(1, _MOST), default=20, show_default=True, help="Resources that are shown.")
@json_option
def show(anomaly: str, limit: int, as_json: bool) -> None:
    """Show an anomaly with its services and resources. The beginning of its id is enough."""
    with open_database(fleet_settings(), "finfleet anomalies") as database, database.connection() as connection:
        anomaly_id = _matching(connection, anomaly)
        one = keeping.listing(connection, anomaly_id=anomaly_id)[0]
        resources = keeping.resources(connection, anomaly_id, limit)
    if as_json:
        print_json({**one._asdict(), "resources": [resource._asdict() for resource in resources]})
        return
    print_table(("anomaly", str(one.anomaly_id)), _facts(one))
    say()
    rows = [_service(part) for part in one.services]
    print_table(("service", "kind", "days", "expected", "cost", "difference", "of"), rows, right=_MONEY)
    if resources:
        say()
        if one.withdrawn_at is not None:
            say("it is withdrawn: its resources are those of the bill as it is now")
        shares = [
            (
                part.service_name,
                part.resource_id or "(none named)",
                _money(part.usual_cost),
                _money(part.cost),
                _more(part.difference),
            )
            for part in resources
        ]
        print_table(
            ("service", "resource", "usual", "cost", "difference"), shares, right=("usual", "cost", "difference")
        )


@command.command()
@json_option
def find(as_json: bool) -> None:
    """Look for anomalies now, and say how many are new."""
    settings = fleet_settings()
    with open_database(settings, "finfleet anomalies") as database, database.connection() as connection:
        check_migrated(connection)
        new = keeping.look(connection, database.clock.passed(connection), rules_of(settings), anyway=True)
    if as_json:
        print_json({"new": new})
    else:
        say(f"{new} new: `finfleet anomalies list` shows them" if new else "none is new")


def _noting(method: F) -> F:
    for option in (
        click.option("--by", default=None, help="Who says so [default: the user of this machine]."),
        click.option("--note", default="", help="Why: kept, and shown in reporting.anomalies."),
        click.argument("anomaly", metavar="ID", type=_Id()),
    ):
        method = option(method)
    return method


@command.command()
@_noting
def acknowledge(anomaly: str, note: str, by: str | None) -> None:
    """Note that somebody looks into an anomaly."""
    _note(anomaly, "acknowledged", note, by)


@command.command()
@_noting
def explain(anomaly: str, note: str, by: str | None) -> None:
    """Note what an anomaly was: it is not listed any more."""
    if not note.strip():
        raise click.UsageError("say what it was: --note 'load test of the new region'")
    _note(anomaly, "explained", note, by)


@command.command()
@_noting
def reopen(anomaly: str, note: str, by: str | None) -> None:
    """Take back what was noted: an anomaly is open again."""
    _note(anomaly, "open", note, by)


def _note(anomaly: str, state: str, note: str, by: str | None) -> None:
    with open_database(fleet_settings(), "finfleet anomalies") as database, database.connection() as connection:
        anomaly_id = _matching(connection, anomaly)
        keeping.note(connection, anomaly_id, state, note.strip(), by if by is not None else _user())
    say(f"{anomaly_id} is {state}")


def _matching(connection: Connection, beginning: str) -> UUID:
    try:
        return keeping.matching(connection, beginning)
    except keeping.NoSuchAnomaly as error:
        complain(f"finfleet: {error}")
        raise click.exceptions.Exit(1) from None


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return ""


_COLUMNS = ("id", "days", "kind", "account", "currency", "expected", "cost", "difference", "mostly", "state")
_MONEY = ("expected", "cost", "difference")


def _row(one: Anomaly) -> Sequence[object]:
    account = f"{one.provider}/{one.sub_account_id}"
    mostly = one.services[0]["service_name"] if one.services else ""
    if len(one.services) > 1:
        mostly = f"{mostly} and {len(one.services) - 1} more"
    state = "withdrawn" if one.withdrawn_at else one.state
    costs = (_money(one.expected_cost), _money(one.actual_cost), _more(one.excess_cost))
    return str(one.anomaly_id)[:_ID], _days(one), one.kind, account, one.billing_currency, *costs, mostly, state


def _days(one: Anomaly) -> str:
    return f"{one.first_day}" if one.first_day == one.last_day else f"{one.first_day} to {one.last_day}"


def _facts(one: Anomaly) -> list[tuple[str, object]]:
    facts: list[tuple[str, object]] = [
        ("account", f"{one.provider}/{one.sub_account_id}"),
        ("days", _days(one)),
        ("kind", one.kind),
        ("expected", f"{_money(one.expected_cost)} {one.billing_currency}"),
        ("cost", f"{_money(one.actual_cost)} {one.billing_currency}"),
        ("difference", f"{_more(one.excess_cost)} {one.billing_currency}"),
        ("state", one.state),
    ]
    if one.noted_at is not None:
        facts += [("noted", one.noted_at), ("by", one.noted_by or "-"), ("note", one.note or "-")]
    facts.append(("found", one.found_at))
    if one.withdrawn_at is not None:
        facts.append(("withdrawn", one.withdrawn_at))
    return facts


def _service(part: dict[str, Any]) -> Sequence[object]:
    expected, actual, excess = (Decimal(str(part[name])) for name in ("expected", "actual", "excess"))
    return (
        part["service_name"],
        part["kind"],
        len(part["days"]),
        _money(expected),
        _money(actual),
        _more(excess),
        part["cost"],
    )


def _money(amount: Decimal | None) -> str:
    return "-" if amount is None else f"{amount:,.2f}"


def _more(amount: Decimal | None) -> str:
    return "-" if amount is None else f"{amount:+,.2f}"
