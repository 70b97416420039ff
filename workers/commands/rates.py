"""``finfleet rates``: what one currency was worth in another."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from pathlib import Path

import click

from storage.allocation.stored import next_month
from storage.database import Connection
from storage.exchange.files import ECB, MAX_BYTES, Rate, RatesUnreadable, read_rates
from storage.exchange.stored import VALID_FOR, Stored, missing, pairs, rates_of_bills, store
from storage.revision import check_migrated
from telemetry.terminal import say
from workers.download import download, is_address, named
from workers.groups import Group
from workers.months import MonthType
from workers.output import json_option, print_json, print_table
from workers.process import fleet_settings, open_database

_SOURCE = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
_LONGEST = 366


@click.group(name="rates", cls=Group)
def command() -> None:
    """Load exchange rates, and show which there are."""


def _source(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    if value is not None and not _SOURCE.fullmatch(value):
        raise click.BadParameter(f"{value[:40]!r}: lower-case letters, digits, _ and - only, a letter first")
    return value


@command.command(name="import")
@click.argument("file", metavar="FILE|URL")
@click.option("--source", callback=_source, help="Whose rates they are [default: ecb for the ECB's files, else table].")
@click.option(
    "--valid-for",
    type=click.IntRange(1, _LONGEST),
    default=VALID_FOR.days,
    show_default=True,
    metavar="DAYS",
    help="Days that a rate is used for where no later one is there; 31 for monthly ones.",
)
@json_option
def import_(*, file: str, source: str | None, valid_for: int, as_json: bool) -> None:
    """Load rates from FILE: the ECB's (CSV, XML or ZIP), or a table as CSV with day,base,quote,rate.

    The ECB's whole history is https://www.ecb.europa.eu/stats/eurofxref/eurofxref-hist.zip. What is there already
    changes nothing; a rate that was corrected takes the place of the former one, which stays with the time until which
    it was used. A file with a fault is not loaded at all.
    """
    settings = fleet_settings()
    try:
        found = read_rates(_bytes(file))
    except FileNotFoundError:
        raise click.ClickException(f"{named(file)}: there is no such file") from None
    except OSError as error:
        raise click.ClickException(f"{named(file)}: it cannot be read: {error.strerror or error}") from None
    except (RatesUnreadable, ValueError) as error:
        raise click.ClickException(f"{named(file)}: {error}") from None
    name = source or (ECB if found.is_ecb else "table")
    with open_database(settings, "finfleet rates import", size=1) as database, database.connection() as connection:
        check_migrated(connection)
        now = database.clock.now(connection)
        _report(connection, {name: found.rates}, now, timedelta(days=valid_for), as_json=as_json)


@command.command(name="bills")
@click.option("--month", type=MonthType(), required=True, help="The month of the charges.")
@json_option
def bills_command(*, month: date, as_json: bool) -> None:
    """Load the rates that the lines of bills name themselves, as bill/PROVIDER: they are used for its bills alone.

    Azure's files have them, and Google's tables. A day whose lines name two rates has none.
    """
    settings = fleet_settings()
    with open_database(settings, "finfleet rates bills", size=1) as database, database.connection() as connection:
        check_migrated(connection)
        now = database.clock.now(connection)
        found = rates_of_bills(connection, month, next_month(month))
        _report(connection, found, now, timedelta(days=1), as_json=as_json)


@command.command(name="list")
@json_option
def list_command(*, as_json: bool) -> None:
    """Show of which currencies there are rates, by source, and up to which day."""
    settings = fleet_settings()
    with open_database(settings, "finfleet rates list", size=1) as database, database.connection() as connection:
        check_migrated(connection)
        found = pairs(connection)
    if as_json:
        print_json([one._asdict() for one in found])
        return
    columns = ("source", "base", "quote", "rates", "first day", "last day", "last rate", "corrected")
    print_table(columns, found)


@command.command(name="missing")
@click.option("--currency", help="Into which, ISO 4217 [default: currencies.reporting].")
@click.option("--from", "since", type=MonthType(), help="Since this month [default: ever].")
@json_option
def missing_command(*, currency: str | None, since: date | None, as_json: bool) -> int:
    """Show which days of the bill cannot be converted, by currency. Exit status 1 if there are any."""
    settings = fleet_settings()
    into = currency or settings.currencies.reporting
    if into is None:
        raise click.UsageError("name a --currency, or set currencies.reporting in the configuration")
    if not _CURRENCY.fullmatch(into):
        raise click.UsageError(f"--currency {into[:40]!r}: write three capital letters, as EUR")
    with open_database(settings, "finfleet rates missing", size=1) as database, database.connection() as connection:
        check_migrated(connection)
        found = missing(connection, into, since)
    if as_json:
        print_json([one._asdict() for one in found])
    elif found:
        print_table(("provider", "currency", "days", "first day", "last day"), found)
    else:
        say(f"every day of the bill has a rate into {into}")
    return 1 if found else 0


def _bytes(file: str) -> bytes:
    if is_address(file):
        return download(file, MAX_BYTES)
    with Path(file).open("rb") as opened:
        return opened.read(MAX_BYTES + 1)


def _report(
    connection: Connection, found: dict[str, list[Rate]], now: datetime, valid_for: timedelta, *, as_json: bool
) -> None:
    done = {source: store(connection, source, rates, now, valid_for) for source, rates in found.items()}
    if as_json:
        print_json([{"source": source, **one._asdict()} for source, one in done.items()])
        return
    for source, one in done.items():
        say(f"rates of {source}: {_said(one)}")
    if not done:
        say("the bills of the month name no rates")


def _said(one: Stored) -> str:
    return f"{one.new:,} new, {one.corrected:,} corrected, {one.same:,} there already"
