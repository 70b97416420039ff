"""``finfleet outbox``: what is forwarded, and what its destination would not take."""

from __future__ import annotations

import click

from storage import outbox
from telemetry.settings import Settings
from telemetry.terminal import say
from workers import completion
from workers.groups import Group
from workers.output import json_option, print_json, print_table
from workers.process import fleet_settings, open_database


def standing(settings: Settings, destination: str) -> str:
    """What a destination is to the configuration: enabled, disabled, or removed."""
    section = settings.known_destinations.get(destination)
    if section is None:
        return "removed"
    return "enabled" if section.enabled else "disabled"


@click.group(name="outbox", cls=Group)
def command() -> None:
    """Show what is forwarded; read and replay entries that a destination rejected."""


@command.command()
@json_option
def status(as_json: bool) -> None:
    """Count waiting, sent and dead entries by destination.

    A destination that is not in the configuration is shown as removed. Its waiting entries become dead an
    hour after they were committed.
    """
    settings = fleet_settings()
    with open_database(settings, "finfleet outbox") as database, database.connection() as connection:
        lines = [line._asdict() | {"is": standing(settings, line.destination)} for line in outbox.status(connection)]
    if as_json:
        print_json(lines)
        return
    print_table((*outbox.OutboxStatus._fields, "is"), [tuple(line.values()) for line in lines])


@command.command()
@click.option("--limit", type=click.IntRange(1, 1_000_000), default=100, show_default=True, help="Maximum number.")
@json_option
def dead(limit: int, as_json: bool) -> None:
    """List the oldest dead entries, with their reasons."""
    with open_database(fleet_settings(), "finfleet outbox") as database, database.connection() as connection:
        entries = outbox.dead_entries(connection, limit)
    if as_json:
        print_json([entry._asdict() for entry in entries])
        return
    print_table(outbox.DeadEntry._fields, entries)


@command.command()
@click.argument("destination", shell_complete=completion.removed)
def forget(destination: str) -> None:
    """Delete the sent and dead entries of a DESTINATION that is no longer in the configuration."""
    settings = fleet_settings()
    if destination in settings.known_destinations:
        raise click.UsageError(f"{destination} is in the configuration: remove it there first")
    with open_database(settings, "finfleet outbox") as database, database.connection() as connection:
        forgotten = outbox.forget(connection, destination)
    say(f"{forgotten} are deleted")


@command.command()
@click.argument(
    "numbers", metavar="[ID]...", type=click.IntRange(1, 2**63 - 1), nargs=-1, shell_complete=completion.entries
)
@click.option("--all", "everything", is_flag=True, help="Send all dead entries.")
def replay(numbers: tuple[int, ...], everything: bool) -> None:
    """Send dead entries again."""
    if bool(numbers) == everything:
        raise click.UsageError("name the ids, or --all")
    with open_database(fleet_settings(), "finfleet outbox") as database, database.connection() as connection:
        replayed = outbox.replay(connection, None if everything else numbers)
    say(f"{replayed} are sent again")
