"""``finfleet status``: how the fleet stands."""

from __future__ import annotations

import shutil
import signal
import sys
import threading
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from pathlib import Path

import click

from telemetry.stopping import set_from_handler
from telemetry.terminal import redraw, say
from workers.output import json_option, print_json
from workers.parameters import TIME
from workers.status.as_json import fields
from workers.status.facts import Facts, Filters
from workers.status.kinds import Problem, problems_of
from workers.status.layout import Room, lines_of
from workers.status.look import Looker, patience, quiet
from workers.status.servers import find_servers

FINE, TROUBLE, BLIND, INTERRUPTED = 0, 1, 69, 130
_WIDE = 120


@click.command(
    name="status",
    epilog="""\b
Exit status: 0 all is well; 1 something is wrong; 69 the database did not tell how the fleet stands;
78 the configuration has errors. docs/operations.md lists what counts as trouble.""",
)
@click.option("--problems", "only_problems", is_flag=True, help="Print only what is wrong.")
@click.option("--all", "everything", is_flag=True, help="List all targets, also where they do not fit the terminal.")
@click.option("--provider", "providers", multiple=True, help="Only targets of this provider; can be repeated.")
@click.option(
    "--target",
    "patterns",
    metavar="PATTERN",
    multiple=True,
    help="Only targets like 'aws/*/us-east-1/*'; can be repeated.",
)
@click.option(
    "--since", type=TIME, help="Count only windows that begin at or after this: a time, a date, or 90m, 2h, 7d ago."
)
@click.option(
    "--watch",
    "every",
    type=click.FloatRange(0.5, 3600),
    is_flag=False,
    flag_value=2.0,
    metavar="[SECONDS]",
    help="Look again every so many seconds, until Ctrl-C [2].",
)
@click.option(
    "--wait",
    type=click.FloatRange(0.1, 600),
    envvar="FINFLEET_STATUS_WAIT",
    show_envvar=True,
    metavar="SECONDS",
    help="How long each server may take [default: about 2, so that all takes less than 3].",
)
@click.option(
    "--state",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(".finfleet"),
    show_default=True,
    help="State directory of a `finfleet up` on this machine: its servers are asked unless others are configured.",
)
@json_option
def command(
    *,
    only_problems: bool,
    everything: bool,
    providers: tuple[str, ...],
    patterns: tuple[str, ...],
    since: datetime | None,
    every: float | None,
    wait: float | None,
    state: Path,
    as_json: bool,
) -> None:
    """Show what is wrong, then targets, processes, queues and destinations.

    Takes three seconds at most, whatever hangs: a server that does not answer is told as a problem.
    """
    if as_json and every is not None:
        raise click.UsageError("--watch and --json exclude each other")
    found = find_servers(state)
    quiet()
    looker = Looker(found.settings, state, Filters(providers, patterns, since), wait or patience())
    if as_json:
        facts = looker.look()
        problems = problems_of(facts)
        print_json(fields(facts, problems))
        sys.exit(_status(facts, problems))
    show = partial(_show, looker, everything, only_problems, found.remark, watched=every is not None)
    if every is None:
        sys.exit(show())
    interrupted = threading.Event()
    # Not as an exception, which would get lost in a callback of a library.
    signal.signal(signal.SIGINT, lambda *_: set_from_handler(interrupted))
    while not interrupted.wait(0):
        show()
        interrupted.wait(every)
    if sys.stdout.isatty():
        say()
    sys.exit(INTERRUPTED)


def _show(looker: Looker, everything: bool, only: bool, remark: str, *, watched: bool) -> int:
    """Look, and print what there is; returns the exit status."""
    facts = looker.look()
    problems = problems_of(facts)
    terminal = sys.stdout.isatty()
    size = shutil.get_terminal_size()
    wide = not terminal or size.columns >= _WIDE
    room = Room(
        width=size.columns if terminal else None,
        height=size.lines - 1 if terminal else None,
        everything=everything or (wide and not watched) or not terminal,
        only_problems=only,
    )
    lines = lines_of(facts, problems, room, remark)
    if watched and terminal:
        redraw(lines[: size.lines - 1])
    else:
        say("\n".join(lines), lines=True)
        if watched:
            say()
            sys.stdout.flush()
    return _status(facts, problems)


def _status(facts: Facts, problems: Sequence[Problem]) -> int:
    if facts.blind:
        return BLIND
    return TROUBLE if problems else FINE
