"""``finfleet db``: the database's schema."""

from __future__ import annotations

from datetime import timedelta

import click

from storage.errors import StorageNotMigrated
from storage.maintenance import Done, maintain
from storage.revision import check_migrated, head
from storage.standing import Standing, look
from tasks.maintenance import kept_by, load_rules, steps_of
from telemetry.terminal import say
from workers import completion
from workers.commands import db_dictionary, db_size
from workers.groups import Group
from workers.output import json_option, print_json, print_table, progress
from workers.process import fleet_settings, open_database, required_database_url


@click.group(name="db", cls=Group)
def command() -> None:
    """Look after the database: its schema, its size, and what is too old."""


command.add_command(db_size.command)
command.add_command(db_dictionary.command)


@command.command(name="migrate")
@click.option(
    "--revision",
    default="head",
    show_default=True,
    shell_complete=completion.revisions,
    help="Migrate up to this revision.",
)
def migrate_command(revision: str) -> None:
    """Migrate the database named by FINFLEET_DATABASE_URL or the configuration. Safe to run again."""
    settings = fleet_settings()
    with open_database(settings, "finfleet db migrate") as database:
        progress(f"migrating {database.address} to {revision}")
        from storage.migrate import migrate  # noqa: PLC0415 - `db check` needs no Alembic

        migrate(required_database_url(settings), revision)
        say(f"{database.address} is at revision {head() if revision == 'head' else revision}")


@command.command(name="check")
@json_option
def check_command(as_json: bool) -> int:
    """Check that the database has the whole schema of this release. Exit status 1 if it does not.

    What only the readers of the views would miss is printed too, and does not change the exit status.
    """
    with open_database(fleet_settings(), "finfleet db check", size=1) as database:
        trouble, found = "", Standing()
        with database.connection() as connection:
            try:
                check_migrated(connection)
                found = look(connection)
            except StorageNotMigrated as error:
                trouble = str(error)
        if as_json:
            missing = {"missing": found.needed, "missing_of_the_reader": found.reader}
            where = {"database": database.address, "revision": head(), "migrated": not trouble, "trouble": trouble}
            print_json(where | missing)
        else:
            say(trouble or f"{database.address} is at revision {head()}")
            for line in (*found.needed, *found.reader):
                say(line)
    return 1 if trouble or found.needed else 0


@command.command(name="maintain")
@click.option(
    "--for",
    "seconds",
    type=click.IntRange(1, 7 * 86_400),
    metavar="SECONDS",
    help="Stop after that time [default: when nothing is left].",
)
@json_option
def maintain_command(seconds: int | None, as_json: bool) -> int:
    """Fold what is old, make partitions ahead, and forget what the section retention says is too old.

    The planner does this once an hour. It works in small transactions that keep nobody waiting, and may be stopped at
    any time. Exit status 1 if a step failed; the others are done all the same.
    """
    settings = fleet_settings()
    limit = None if seconds is None else timedelta(seconds=seconds)
    with open_database(settings, "finfleet db maintain", size=1) as database:
        with database.connection() as connection:
            check_migrated(connection)
            now = database.clock.passed(connection)
        progress(f"maintaining {database.address}")
        load_rules(database, settings, now, "finfleet db maintain")
        done = maintain(database, now, kept_by(settings), limit, steps=steps_of(settings))
    if as_json:
        print_json([_as_json(one) for one in done])
    else:
        rows = [(one.step, one.said, f"{one.seconds:.1f} s", _left(one)) for one in done]
        print_table(("step", "done", "took", ""), rows, right=("took",), wraps="")
    return 1 if any(one.error for one in done) else 0


def _as_json(done: Done) -> dict[str, object]:
    return {
        "step": done.step,
        "counts": done.counts,
        "count": done.count,
        "seconds": round(done.seconds, 3),
        "finished": done.finished,
        "error": "" if done.error is None else str(done.error),
    }


def _left(done: Done) -> str:
    if done.error is not None:
        return f"failed: {done.error}"
    return "" if done.finished else "more is left"
