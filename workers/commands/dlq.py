"""``finfleet dlq``: messages that could not be taken in."""

from __future__ import annotations

import sys
from contextlib import closing
from typing import Any

import click
import msgspec

from agents.core.context import utc_now
from storage import dead_letters
from storage.database import Connection
from storage.dead_letters import DeadLetter
from tasks.results import Publisher, open_carrier
from telemetry.codec import describe
from telemetry.origin import BEGINNING
from telemetry.push.sources import WrongQueue
from telemetry.terminal import say
from telemetry.undeliverable import is_wrapped
from workers import completion
from workers.groups import Group
from workers.letters import came_from, print_letters
from workers.output import json_option, print_json, print_table, progress, to_json
from workers.process import fleet_settings, open_database, required_broker

_ALL = 1_000_000
_BEGINNINGS = 64 * 1024 * 1024
"""Bytes of all letters that are listed."""


@click.group(name="dlq", cls=Group)
def command() -> None:
    """Read, replay or drop dead letters: messages that were rejected."""


@command.command(name="list")
@click.option("--replayed", is_flag=True, help="Also list those that were put back on the results queue.")
@click.option("--limit", type=click.IntRange(1, _ALL), default=100, show_default=True, help="Maximum number.")
@json_option
def list_(replayed: bool, limit: int, as_json: bool) -> None:
    """List the newest dead letters: id, time, reason, and the queue, source or target that they came from."""
    with _connect() as database, database.connection() as connection:
        beginning = min(BEGINNING, _BEGINNINGS // limit)
        letters = dead_letters.listing(connection, limit, replayed=replayed, beginning=beginning)
    if as_json:
        print_json([{**_fields(letter), "from": came_from(letter)} for letter in letters])
        return
    print_letters(letters)
    if len(letters) == limit:
        progress(f"the newest {limit:,}: --limit shows more")


@command.command()
@click.argument("number", metavar="ID", type=int, shell_complete=completion.letters)
@json_option
def show(number: int, as_json: bool) -> None:
    """Show a dead letter, with as much of its content as can be read."""
    with _connect() as database, database.connection() as connection:
        letter = dead_letters.get(connection, number)
    if letter is None:
        _missing([number])
        return
    content = _readable(letter.body or b"")
    if as_json:
        print_json({**_fields(letter), "content": content})
        return
    print_table(("dead letter", str(letter.dead_letter_id)), _fields(letter).items())
    say()
    print_json(content)


@command.command()
@click.argument("numbers", metavar="[ID]...", type=int, nargs=-1, shell_complete=completion.letters)
@click.option("--all", "everything", is_flag=True, help="Replay all of them.")
def replay(numbers: tuple[int, ...], everything: bool) -> None:
    """Put dead letters back on the results queue, for instance after an upgrade. Those that fail again come back.

    Messages that were found on the wrong queue are not put back: have their producer send them again, or drop them.
    """
    _check_choice(numbers, everything)
    settings = fleet_settings()
    refused: list[int] = []
    with _connect() as database, database.connection() as connection:
        chosen = _chosen(connection, numbers, everything)
        with closing(open_carrier(required_broker(settings))) as carrier, closing(carrier.publisher()) as publisher:
            refused += [number for number in chosen if not _replay(connection, publisher, number)]
    say(f"{len(chosen) - len(refused)} put back on the results queue")
    _refuse(refused)
    _missing(sorted(set(numbers) - set(chosen)))


@command.command()
@click.argument("numbers", metavar="[ID]...", type=int, nargs=-1, shell_complete=completion.letters)
@click.option("--all", "everything", is_flag=True, help="Drop all of them.")
@click.confirmation_option("--yes", prompt="They are deleted for good. Go on?")
def drop(numbers: tuple[int, ...], everything: bool) -> None:
    """Delete dead letters permanently."""
    _check_choice(numbers, everything)
    with _connect() as database, database.connection() as connection:
        chosen = _chosen(connection, numbers, everything)
        dropped = dead_letters.drop(connection, chosen)
    say(f"{dropped} dropped")
    _missing(sorted(set(numbers) - set(chosen)))


def _replay(connection: Connection, publisher: Publisher, number: int) -> bool:
    """False where it is no result, and so nothing that ingest could take."""
    letter = dead_letters.get(connection, number)
    if letter is None or letter.body is None:
        return True  # somebody dropped it meanwhile
    if is_wrapped(letter.body) or letter.reason_code == WrongQueue.code:
        return False
    # Marked after the broker has it: a crash in between publishes it twice, which the writer knows to tell. An ingest
    # may have made it one again by then, and it must not be hidden: the mark is for the letter as it was read.
    publisher.publish(letter.body, message_id=f"dead-letter/{number}")
    dead_letters.mark_replayed(connection, letter, utc_now())
    return True


def _readable(body: bytes) -> Any:
    """The content as JSON has it; of one that is too strange for that, how it begins."""
    try:
        content = describe(body)
        to_json(content)
    except (ValueError, TypeError, ArithmeticError, RecursionError, MemoryError, msgspec.MsgspecError) as error:
        return {"unreadable": f"{type(error).__name__}: {error}", "begins": body[:200].hex(" ")}
    return content


def _connect() -> Any:
    return open_database(fleet_settings(), "finfleet dlq")


def _check_choice(numbers: tuple[int, ...], everything: bool) -> None:
    if bool(numbers) == everything:
        raise click.UsageError("name the ids, or --all")


def _chosen(connection: Connection, numbers: tuple[int, ...], everything: bool) -> list[int]:
    if everything:
        return sorted(letter.dead_letter_id for letter in dead_letters.listing(connection, _ALL))
    return sorted(number for number in set(numbers) if dead_letters.get(connection, number) is not None)


def _refuse(numbers: list[int]) -> None:
    if numbers:
        listed = ", ".join(map(str, numbers))
        say(
            f"finfleet: no result, but found where it had no business: {listed}; `finfleet dlq show ID` tells which: "
            "send it again from where it came, or `finfleet dlq drop ID`",
            err=True,
        )
        sys.exit(1)


def _missing(numbers: list[int]) -> None:
    if numbers:
        listed = ", ".join(map(str, numbers))
        say(f"finfleet: there is no dead letter {listed}; `finfleet dlq list` shows those there are", err=True)
        sys.exit(1)


def _fields(letter: DeadLetter) -> dict[str, Any]:
    return {
        "id": letter.dead_letter_id,
        "reason": letter.reason_code,
        "in_words": letter.reason,
        "first_seen": letter.first_seen,
        "last_seen": letter.last_seen,
        "times": letter.times,
        "bytes": letter.size,
        "replayed_at": letter.replayed_at,
    }
