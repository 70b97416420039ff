"""``finfleet export``: the bill as files that others read."""

from __future__ import annotations

import os
import re
from datetime import datetime, timedelta
from pathlib import Path

import click

from agents.core.service import services
from storage.export import DATASETS, Asked, Exported, ExportRefused, export
from storage.export.snapshot import COSTS
from storage.revision import check_migrated
from storage.timeouts import Timeouts
from telemetry.terminal import say
from workers.groups import Group
from workers.output import json_option, print_json, print_table
from workers.paragraphs import say_wrapped
from workers.parameters import TIME
from workers.process import fleet_settings, open_database

_TIMEOUTS = Timeouts(statement=timedelta(hours=1), lock=timedelta(seconds=30), idle=timedelta(minutes=10))
"""A day of a large bill is one statement, and what it told is packed before the next."""
_NAMED = 5
_ODD = re.compile(r"[^\w.-]+")
"""What no name of a file gets."""
_ENDINGS = {".parquet": ("parquet", False), ".csv": ("csv", False), ".csv.gz": ("csv", True)}
"""Of names: the format, and whether it is packed."""
_VERSIONS = sorted({version for version, _ in DATASETS})
_NAMES = sorted({name for _, name in DATASETS})


def _named(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    if value is not None and not value.strip():
        raise click.BadParameter("it is empty: name one, or leave the option out for all")
    return value


def _output(_ctx: click.Context, _param: click.Parameter, value: str) -> Path:
    if not value.strip():
        raise click.BadParameter("it is empty: name a file, or a folder")
    path = Path(value)
    if value.endswith(("/", os.sep)) and not path.is_dir():
        raise click.BadParameter(f"{value!r} is no folder that is there: make it, or name a file")
    return path


def _form(output: Path, kind: str | None, *, compress: bool) -> tuple[str, bool]:
    """The format, and whether CSV is packed: as asked for, and as the name of the file says."""
    name = "" if output.is_dir() else output.name.lower()
    told = next((form for ending, form in _ENDINGS.items() if name.endswith(ending)), None)
    if told is None:
        return kind or "parquet", compress
    form, packed = told
    if (kind or form) != form:
        raise click.UsageError(
            f"--output {output.name!r} is the name of {form}, and --format says {kind}: name it else"
        )
    if compress and form == "csv" and not packed:
        raise click.UsageError(f"--output {output.name!r}: with --compress, end it in .csv.gz")
    return form, packed


@click.group(name="export", cls=Group)
def command() -> None:
    """Write the bill to files that others read."""


@command.command(name="focus")
@click.option("--version", type=click.Choice(_VERSIONS), default=_VERSIONS[-1], show_default=True, help="Of FOCUS.")
@click.option("--dataset", type=click.Choice(_NAMES), default="cost-and-usage", show_default=True, help="Of FOCUS.")
@click.option("--from", "since", type=TIME, help="Charges that begin then or later [default: all].")
@click.option("--to", "until", type=TIME, help="Charges that begin before [default: all].")
@click.option("--provider", callback=_named, help="Charges of this provider alone: aws, azure, gcp ...")
@click.option("--account", callback=_named, help="Charges of this account alone, by its name in the configuration.")
@click.option(
    "--format",
    "kind",
    type=click.Choice(["parquet", "csv"]),
    help="[default: what the name of the file ends in, else parquet].",
)
@click.option("--compress", is_flag=True, help="Pack CSV by gzip; Parquet is packed by zstd always.")
@click.option(
    "--output",
    callback=_output,
    required=True,
    help="A file, or a folder that gets one by the name of what it is.",
)
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@json_option
def focus(
    *,
    version: str,
    dataset: str,
    since: datetime | None,
    until: datetime | None,
    provider: str | None,
    account: str | None,
    kind: str | None,
    compress: bool,
    output: Path,
    force: bool,
    as_json: bool,
) -> None:
    """Write a dataset of FOCUS, the open layout of bills, to a file, and beside it its metadata.

    Each charge is there once, as in reporting.costs. All of it is of one moment, also while bills come in; the same
    data make the same bytes. What is not known is empty, and days that are not complete are named: docs/focus.md.
    """
    if since is not None and until is not None and since >= until:
        raise click.BadParameter("it is not after --from", param_hint="'--to'")
    form, packed = _form(output, kind, compress=compress)
    asked = Asked(version, dataset, output, form, since, until, provider, account, packed, force)
    if output.is_dir():
        asked = asked._replace(path=output / _name(asked))
    bring = [key for key, one in services().items() if one.brings_bills and not one.delivered]
    settings = fleet_settings()
    opened = open_database(settings, "finfleet export", size=1, timeouts=_TIMEOUTS)
    with opened as database, database.connection() as connection:
        check_migrated(connection)
        try:
            done = export(connection, asked, bring)
        except ExportRefused as error:
            raise click.ClickException(str(error)) from None
    _show(done, as_json=as_json)


def _name(asked: Asked) -> str:
    """Of what it is; without bounds for all there is."""
    bounds = [None if at is None else f"{at:%Y-%m-%dT%H%M}".removesuffix("T0000") for at in (asked.since, asked.until)]
    parts = ["focus", asked.version, asked.dataset, asked.provider, asked.account, *bounds]
    ending = "csv.gz" if asked.format == "csv" and asked.compress else asked.format
    return "-".join(_ODD.sub("_", part) for part in parts if part) + f".{ending}"


def _show(done: Exported, *, as_json: bool) -> None:
    totals = [
        {"currency": one.currency, "rows": one.rows, **dict(zip(COSTS, one.costs, strict=True))}
        for one in done.sums
        if one.costs
    ]
    if as_json:
        told = {"file": str(done.path), "metadata": str(done.metadata), "rows": done.rows, "totals": totals}
        days = [f"{day.start:%Y-%m-%d}" for day in done.incomplete]
        print_json(told | {"complete": done.complete, "incomplete": days, "never_told": list(done.silent)})
    else:
        if totals:
            print_table(("currency", "rows", *COSTS), [tuple(one.values()) for one in totals])
        say(f"{done.rows:,} rows in {done.path}; what they are: {done.metadata}")
    for warning in _warnings(done):
        say_wrapped(f"finfleet: {warning}", err=True)


def _warnings(done: Exported) -> list[str]:
    said = []
    if days := [f"{day.start:%Y-%m-%d}" for day in done.incomplete]:
        count = "1 day is" if len(days) == 1 else f"{len(days):,} days are"
        more = " ..." if len(days) > _NAMED else ""
        said.append(
            f"{count} not complete: {', '.join(days[:_NAMED])}{more}; why is in the metadata, under TimeSectors"
        )
    elif not done.complete and not done.silent:
        said.append("not all of it is complete" if done.rows else "there is nothing of it")
    if done.silent:
        more = " ..." if len(done.silent) > _NAMED else ""
        said.append(f"no bill was ever told of {', '.join(done.silent[:_NAMED])}{more}: its charges are missing")
    return said
