"""``make screens``: what commands show a person at 80 x 24 and at 160 x 50, from a real run, as docs/screens.md."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import click

from emulators.demo.bills import read_bills
from emulators.demo.settling import Progress, wait_until_settled
from emulators.demo.stack import DemoFailed, Stack, running
from emulators.demo.terminal import Terminal
from telemetry.terminal import guard
from workers.embedded import EmbeddedValkey
from workers.local.processes import BROKER_VARIABLE, CONFIG_VARIABLE, DATABASE_VARIABLE

SIZES = ((80, 24), (160, 50))
COMMANDS = (
    ("status",),
    ("plan",),
    ("dlq", "list"),
    ("backfill", "--from", "2d", "--dry-run"),
)
_DRAWN_WITHIN = 30.0
_COMMAND_WITHIN = 120.0
_SCROLLED_BACK = 2000
_PAUSE = 1.5
"""Seconds after which a picture is drawn with what is new."""
_HEAD = """# Screens

What commands show on a terminal of 80 x 24, and of 160 x 50. `make screens` makes this page from a run of the demo:
look at it after each change of what is printed. Where a command prints more lines than the terminal has, all are here.
"""


@dataclass(frozen=True)
class Shot:
    """What stood on a terminal."""

    title: str
    width: int
    height: int
    lines: list[str]

    def markdown(self) -> str:
        """A section of the page."""
        text = "\n".join(self.lines).rstrip()
        return f"### {self.width} x {self.height}\n\n```text\n{text}\n```\n"


@click.command()
@click.option("--state", type=click.Path(path_type=Path), default=Path(".finfleet/screens"), show_default=True)
@click.option("--page", type=click.Path(path_type=Path), default=Path("docs/screens.md"), show_default=True)
def main(state: Path, page: Path) -> None:
    """Run the demo on a terminal, look at it, harm it, look again, and at some commands; write the page."""
    guard()
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    say = Progress(time.monotonic())
    try:
        with Terminal(*SIZES[0]) as terminal, running(state.absolute(), say.line, terminal.theirs) as stack:
            read_bills(stack.database_url, stack.clouds)
            wait_until_settled(stack, say)
            shots = [*_pictures(terminal, "finfleet up")]
            _harm(stack)
            shots += _pictures(terminal, "finfleet up, with problems")
            for words in COMMANDS:
                say.line(f"finfleet {' '.join(words)}")
                shots += _command(stack, words)
    except DemoFailed as error:
        click.echo(f"screens: {error}", err=True)
        sys.exit(1)
    page.write_text(make_page(shots), encoding="utf-8")
    click.echo(f"{page}: look at it", err=True)


def _pictures(terminal: Terminal, title: str) -> Iterator[Shot]:
    for width, height in SIZES:
        terminal.resize(width, height)
        deadline = time.monotonic() + _DRAWN_WITHIN
        while not terminal.lines[0].startswith("finfleet up for "):
            if time.monotonic() > deadline:
                raise DemoFailed("finfleet up draws nothing")
            time.sleep(0.1)
        time.sleep(_PAUSE)
        yield Shot(title, width, height, terminal.lines)


def _harm(stack: Stack) -> None:
    """A task that nobody knows becomes a dead letter, and a collector is killed."""
    from tasks.app import make_app  # noqa: PLC0415 - it reads the configuration
    from telemetry.settings import load_settings  # noqa: PLC0415 - as above

    with make_app(load_settings(environ={BROKER_VARIABLE: _broker(stack)})) as app:
        app.send_task("reports.monthly", queue="collect.aws")
    time.sleep(_PAUSE)
    os.kill(stack.up["processes"]["collect.gcp"], signal.SIGKILL)
    time.sleep(_PAUSE)


def _broker(stack: Stack) -> str:
    return EmbeddedValkey(stack.home).url.get_secret_value()


def _command(stack: Stack, words: tuple[str, ...]) -> Iterator[Shot]:
    for width, height in SIZES:
        with Terminal(width, height, _SCROLLED_BACK) as terminal:
            done = subprocess.run(
                [sys.executable, "-m", "workers.cli", *words],
                stdin=subprocess.DEVNULL,
                stdout=terminal.theirs,
                stderr=terminal.theirs,
                cwd=stack.state,
                env=_environment(stack),
                timeout=_COMMAND_WITHIN,
                check=False,
            )
            time.sleep(0.2)  # what was written last is on its way to the screen
            lines = [line.replace(str(stack.state), ".") for line in terminal.lines]
        while lines and not lines[-1]:
            lines.pop()
        title = f"finfleet {' '.join(words)}"
        yield Shot(title, width, height, [f"$ {title}", *lines, f"(exit status {done.returncode})"])


def _environment(stack: Stack) -> Mapping[str, str]:
    given = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES", "NO_COLOR"}}
    for cloud in stack.clouds:
        given |= cloud.environment
    servers = {DATABASE_VARIABLE: stack.database_url.get_secret_value(), BROKER_VARIABLE: _broker(stack)}
    return {**given, **servers, CONFIG_VARIABLE: "telemetry.yaml", "TERM": "xterm-256color"}


def make_page(shots: list[Shot]) -> str:
    """The page, in Markdown."""
    parts = [_HEAD]
    title = ""
    for shot in shots:
        if shot.title != title:
            title = shot.title
            parts.append(f"## {title}\n")
        parts.append(shot.markdown())
    return "\n".join(parts)


if __name__ == "__main__":
    main()
