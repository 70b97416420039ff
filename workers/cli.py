"""The command line ``finfleet``. Each command is a file of ``workers/commands``, imported when it is called.

Data goes to standard output, progress and faults to standard error. Exit status: 0 done; 1 done, and something is not
as it should be (a window not settled, a dead letter not there); 2 wrong usage; 69 a server or provider cannot be
reached; 74 what is printed cannot be written; 75 another finfleet up holds the state directory; 78 the configuration
has faults; 130 interrupted; 141 nobody reads on what is printed (``| head``).
"""

from __future__ import annotations

import gc
import logging
import os
import sys
from importlib import import_module
from pathlib import Path

import click

from telemetry.errors import FinfleetError
from telemetry.logs import levels_of, set_up
from telemetry.packages import check_packages
from telemetry.terminal import complain, guard, run_to_end, show_usage
from workers.groups import Group

EX_UNAVAILABLE = 69
EX_CONFIG = 78
EX_INTERRUPTED = 130
_NAME = "finfleet"
_FEWER_LOOKS = (10_000, 10, 10)
"""New objects until Python looks through them for garbage: an import makes hundreds of thousands, none of it any."""

_COMMANDS = {
    "up": "up:command",
    "status": "status:command",
    "plan": "plan:command",
    "collect": "collect:command",
    "backfill": "backfill:command",
    "costs": "costs:command",
    "worker": "worker:command",
    "beat": "beat:command",
    "ingest": "ingest:command",
    "forward": "forward:command",
    "flower": "flower:command",
    "health": "health:command",
    "outbox": "outbox:command",
    "dlq": "dlq:command",
    "db": "db:command",
    "services": "services:command",
    "permissions": "permissions:command",
    "schema": "schema:command",
}


class _Lazy(Group):
    """Imports a command when it is named: ``finfleet collect`` must run without Celery and SQL installed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        module, _, name = _COMMANDS[cmd_name].partition(":")
        try:
            command: click.Command = getattr(import_module(f"workers.commands.{module}"), name)
        except ModuleNotFoundError as error:
            return _unavailable(cmd_name, error)
        return command


def _unavailable(name: str, error: ModuleNotFoundError) -> click.Command:
    """In the place of a command that needs what is not installed: it says so, however it is called."""

    def fail(**_: object) -> None:
        raise error

    return click.Command(
        name,
        callback=fail,
        params=[click.Argument(["words"], nargs=-1)],
        context_settings={"ignore_unknown_options": True},
        help=f"Not installed: {_to_install(error)}",
    )


def _to_install(error: ModuleNotFoundError) -> str:
    from agents.core.provider import needed_for  # noqa: PLC0415 - finds every provider: only where something is missing

    return f"pip install '{needed_for(error.name or '') or 'finfleet[fleet]'}'"


@click.group(
    cls=_Lazy,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="""\b
Shell completion:  eval "$(_FINFLEET_COMPLETE=bash_source finfleet)"   (or zsh_source, fish_source)
Exit status: 0 done; 1 a check or an operation failed; 2 wrong usage; 69 a server cannot be reached;
74 the output cannot be written; 75 another finfleet up uses the state directory; 78 the configuration has errors;
130 interrupted; 141 the reader of the output has gone.""",
)
@click.version_option(package_name="finfleet")
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="FINFLEET_CONFIG",
    help="Configuration file [default: config/telemetry.yaml; without a file, only this machine is collected].",
)
@click.option("-v", "--verbose", is_flag=True, help="Log more to standard error.")
def cli(config: Path | None, verbose: bool) -> None:
    """Collect cloud cost and usage telemetry into Postgres, and forward it."""
    if config is not None:
        os.environ["FINFLEET_CONFIG"] = str(config)
    if not logging.getLogger().handlers:
        set_up(levels_of(default="INFO" if verbose else "WARNING"))


def main() -> None:
    """Run the command line; errors that have a name end it with a line instead of a traceback."""
    guard()
    gc.set_threshold(*_FEWER_LOOKS)
    sys.exit(run_to_end(_NAME, _run))


def _run() -> object:
    try:
        check_packages()
        return cli.main(prog_name=_NAME, standalone_mode=False)
    except (click.exceptions.Abort, KeyboardInterrupt):
        return EX_INTERRUPTED
    except click.ClickException as error:
        return show_usage(error)
    except ModuleNotFoundError as error:
        # A command of the fleet in an environment that holds the agents only.
        return _say(f"{error.name} is not installed: {_to_install(error)}", EX_CONFIG)
    except FinfleetError as error:
        return _say(error, EX_CONFIG if error.misconfigured else EX_UNAVAILABLE)


def _say(what: object, status: int) -> int:
    complain(f"{_NAME}: {what}")
    return status


if __name__ == "__main__":
    main()
