"""``make demo``: the whole pipeline on local clouds, checked count by count."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path
from types import FrameType

import click

from emulators.demo.bills import read_bills
from emulators.demo.checks import problems
from emulators.demo.facts import Facts, gather
from emulators.demo.place import NoPlace
from emulators.demo.report import print_addresses, print_report
from emulators.demo.settling import Progress, wait_until_settled
from emulators.demo.stack import DemoFailed, Stack, running
from emulators.openfinops.environment import OpenFinOpsNotBuilt, openfinops_python
from telemetry.terminal import guard
from workers.embedded.parent import end_with, parent_option

_LOOKS = 3


@click.command()
@click.option("--keep", is_flag=True, help="Leave it running until Ctrl-C.")
@click.option("--state", type=click.Path(path_type=Path), default=Path(".finfleet/demo"), show_default=True)
@parent_option
def main(keep: bool, state: Path, parent: int | None) -> None:
    """Collect two hours and some bills of local clouds, and the present of this machine, and compare every count."""
    guard()
    _end_in_order(parent)
    begun = time.monotonic()
    say = Progress(begun)
    try:
        openfinops_python()  # makes its environment at the first time
        with running(state.absolute(), say.line) as stack:
            read_bills(stack.database_url, stack.clouds)
            facts, found = _compare(stack, say)
            print_report(facts)
            _verdict(found, time.monotonic() - begun)
            print_addresses(stack, keep)
            if keep:
                _keep(stack)
    except KeyboardInterrupt:
        sys.exit(130)
    except (DemoFailed, NoPlace, OpenFinOpsNotBuilt) as error:
        click.echo(f"demo: {error}", err=True)
        sys.exit(1)
    sys.exit(1 if found else 0)


def _end_in_order(parent: int | None) -> None:
    """Stop all that was started on SIGTERM and SIGHUP too, and when ``parent`` is gone."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _end)
    end_with(parent)


def _end(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)


def _keep(stack: Stack) -> None:
    """Until a signal comes; DemoFailed where it ends sooner."""
    click.echo("\nIt runs until Ctrl-C.", err=True)
    raise DemoFailed(f"finfleet up ended by itself (status {stack.process.wait()}); see {stack.state / 'up.log'}")


def _compare(stack: Stack, say: Progress) -> tuple[Facts, list[str]]:
    """What everybody says once all is settled, and what does not agree.

    This machine is measured all the while, so a window of it may come between two answers: then they are asked again.
    What is really wrong is so every time.
    """
    for _ in range(_LOOKS):
        wait_until_settled(stack, say)
        facts = gather(stack.database_url, stack.clouds, stack.openfinops_url)
        found = list(problems(facts))
        if not found:
            break
    return facts, found


def _verdict(found: list[str], seconds: float) -> None:
    click.echo()
    for problem in found:
        click.echo(f"PROBLEM  {problem}")
    if not found:
        click.echo(f"Every window is settled and every count agrees, after {seconds:.0f} s.")


if __name__ == "__main__":
    main()
