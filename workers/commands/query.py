"""``finfleet query``: questions of costs, by name or in SQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path

import click

from storage.export import ExportRefused
from storage.questions import BadValue, Given, Question, ask, load, mistyped, select, values_of
from storage.timeouts import Timeouts
from telemetry.closest import did_you_mean
from telemetry.errors import CollectionError
from telemetry.terminal import say
from workers import completion
from workers.answers import formats, placed
from workers.answers.described import describe, listing
from workers.answers.told import Told
from workers.groups import OneOf
from workers.process import fleet_settings, open_database

_OF_A_TABLE, _OF_SQL = 1_000, 100_000
_FORMATS = ("table", "csv", "json", "parquet")
_READING = Timeouts(statement=timedelta(minutes=5), lock=timedelta(seconds=5), idle=timedelta(minutes=30))


@click.command(
    name="query",
    epilog="""\b
Exit status: 0 answered; 1 the statement was refused or took too long; 2 wrong usage; 69 the database cannot be
reached; 78 the configuration has errors. docs/questions.md has ten worked examples.""",
)
@click.argument("name", required=False, shell_complete=completion.questions)
@click.option("--list", "listed", is_flag=True, help="List the questions, a line each.")
@click.option("--describe", "described", is_flag=True, help="Say what NAME takes, and what its columns mean.")
@click.option("--sql", metavar="SELECT", help="Ask this query instead, as the role that reads the views.")
@click.option("--from", "since", default="", metavar="DAY", help="The first day: 2026-10-01, or a month, 2026-10.")
@click.option("--to", "until", default="", metavar="DAY", help="The day after the last one [default: today, in UTC].")
@click.option("--by", default="", metavar="WHAT", help="By what: service, account, region, provider ...")
@click.option("--tag", default="", metavar="KEY[=VALUE]", help="By the values of a tag, or of one value only.")
@click.option("--account", default="", help="Only this account, by its name here or the provider's id.")
@click.option("--provider", default="", help="Only this provider.")
@click.option("--currency", default="", help="Only this currency. Nothing is converted.")
@click.option("--set", "thresholds", multiple=True, metavar="NAME=VALUE", help="Choose a threshold; can be repeated.")
@click.option(
    "--limit",
    type=click.IntRange(1, 1_000_000_000),
    help=f"The most rows [default: {_OF_A_TABLE:,} in a table, {_OF_SQL:,} of --sql].",
)
@click.option(
    "--timeout",
    type=click.FloatRange(0.1, 3600),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="How long --sql may take.",
)
@click.option("--format", "form", type=OneOf(_FORMATS), show_default="table", help="How to write it.")
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--output", help="A file; Parquet needs one. - is standard output.")
@click.option("--force", is_flag=True, help="Replace a file that is there.")
def command(
    *,
    name: str | None,
    listed: bool,
    described: bool,
    sql: str | None,
    since: str,
    until: str,
    limit: int | None,
    timeout: float,
    form: str | None,
    as_json: bool,
    output: str | None,
    force: bool,
    thresholds: tuple[str, ...],
    **given: str,
) -> None:
    """Ask a question of costs by its NAME, or by SQL of your own.

    Amounts of two currencies are never added. Below a table, or in the JSON, it says how complete the days are that
    were asked for.
    """
    if as_json and form not in (None, "json"):
        raise click.UsageError(f"--json and --format {form} are two formats: give one")
    form = "json" if as_json else form or "table"
    if [listed, name is not None, sql is not None].count(True) != 1:
        raise click.UsageError("name a question, or give --sql or --list")
    if (listed or described) and (form in ("csv", "parquet") or output is not None):
        raise click.UsageError("what there is to ask is told as a table or JSON, on standard output alone")
    if listed:
        listing(as_json=form == "json")
        return
    question = None if name is None else _question(name)
    if described and question is not None:
        describe(question, as_json=form == "json")
        return
    path = _path(form, output)
    asked = Given(since, until, thresholds=_thresholds(thresholds), **given)
    if limit is None:
        limit = _OF_A_TABLE if form == "table" else _OF_SQL if sql is not None else None
    with _in_words(), _answered(question, asked, sql, timeout, limit) as told:
        _write(told, form, path, force=force)
        for line in [] if told.count else told.mistyped():
            say(line, err=True)


def _path(form: str, output: str | None) -> Path | None:
    """None: standard output."""
    if output == "":
        raise click.UsageError("--output is empty: name a file, or leave it out")
    path = None if output is None or output in placed.STANDARD else Path(output)
    if form == "parquet" and path is None:
        raise click.UsageError("Parquet is no text: say --output FILE")
    if path is not None and form == "table":
        raise click.UsageError("a table is for reading: write csv, json or parquet into a file, by --format")
    return path


def _question(name: str) -> Question:
    known = load()
    found = known.get(name.replace("-", "_"))
    if found is None:
        raise click.UsageError(f"there is no question {name!r}; {did_you_mean(name, known)}")
    return found


def _thresholds(words: tuple[str, ...]) -> dict[str, str]:
    found = dict(word.partition("=")[::2] for word in words)
    if bad := [word for word in words if "=" not in word]:
        raise click.UsageError(f"--set {bad[0]!r}: write NAME=VALUE")
    return found


@contextmanager
def _answered(
    question: Question | None, given: Given, sql: str | None, timeout: float, limit: int | None
) -> Iterator[Told]:
    with (
        open_database(fleet_settings(), "finfleet query", size=1, timeouts=_READING) as database,
        database.connection() as connection,
    ):
        if question is None:
            if given != Given():
                raise click.UsageError("--sql takes no other words of a question: write them into the query")
            with select(connection, sql or "", timedelta(seconds=timeout)) as answer:
                yield Told(answer, limit)
            return
        try:
            values = values_of(question, given, database.clock.now(connection).date())
        except BadValue as error:
            raise click.UsageError(str(error)) from None
        with ask(connection, question, values) as answer:
            lacking = partial(mistyped, connection, question, values)
            yield Told(answer, limit, question, values.since, values.until, lacking)


def _write(told: Told, form: str, path: Path | None, *, force: bool) -> None:
    if path is None:
        formats.WRITERS[form](told, formats.PRINTS[form])
        if form == "csv":
            _note(told)
        return
    placed.write(told, form, path, force=force)
    say(f"{told.count:,} rows in {path}")
    _note(told)


def _note(told: Told) -> None:
    for note in told.notes():
        say(note, err=True)


@contextmanager
def _in_words() -> Iterator[None]:
    try:
        yield
    except (BadValue, CollectionError, ExportRefused) as error:
        raise click.ClickException(str(error)) from None
