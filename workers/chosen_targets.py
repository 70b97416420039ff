"""Targets that a command is about, by the options that name them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from storage import ledger
from storage.database import Connection
from workers import completion
from workers.patterns import unmatched

F = TypeVar("F", bound=Callable[..., Any])


def target_options(command: F) -> F:
    """Give a command ``--target``, ``--provider`` and ``--service``, as ``patterns``, ``providers`` and ``names``."""
    for option in (
        click.option("--service", "names", multiple=True, help="Only this service: cost, or aws/cost."),
        click.option("--provider", "providers", multiple=True, help="Only this provider."),
        click.option(
            "--target",
            "patterns",
            multiple=True,
            shell_complete=completion.targets,
            help="Only these targets, for example aws/prod/us-east-1/ec2 or 'aws/*/*/ec2'.",
        ),
    ):
        command = option(command)
    return command


def chosen(
    connection: Connection,
    patterns: tuple[str, ...],
    providers: tuple[str, ...],
    names: tuple[str, ...],
    *,
    live: bool,
) -> list[ledger.LedgerTarget]:
    """The targets of the ledger that all of the options mean; without any, every one that is configured.

    Live ones only with ``live``. UsageError where there is none.
    """
    there = ledger.find_targets(connection)
    if unknown := unmatched(patterns, [str(one.target) for one in there]):
        said = f"--target {', '.join(unknown)}"
        raise click.UsageError(f"{said}: there is no such target in the ledger; `finfleet status` lists them")
    found = [
        one
        for one in (ledger.find_targets(connection, patterns) if patterns else there)
        if (not providers or one.target.provider in providers)
        and (not names or {one.target.service, f"{one.target.provider}/{one.target.service}"} & {*names})
    ]
    if not found and (patterns or providers or names):
        options = (("--target", patterns), ("--provider", providers), ("--service", names))
        said = " ".join(f"{option} {', '.join(map(repr, given))}" for option, given in options if given)
        raise click.UsageError(f"{said}: there is no such target in the ledger; `finfleet status` lists them")
    if live:
        return found
    return [one for one in found if one.enabled and not one.live]
