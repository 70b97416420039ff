"""A local cloud as a program: its common options, where it says that it is ready, and how it ends."""

import signal
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar

import click

from emulators.core.cloud import LocalCloud
from telemetry.stopping import set_from_handler

T = TypeVar("T", bound=Callable[..., Any])


def options(seeds: str, ready: str, default: str = "none") -> Callable[[T], T]:
    """The options of every local cloud: `what` to seed, the `seed` number, `ready_file`.

    `seeds` and `ready` say in words what is seeded, and what the ready file gets.
    """

    def decorate(command: T) -> T:
        for option in (
            click.option("--ready-file", type=click.Path(path_type=Path), help=ready),
            click.option(
                "--seed-number", "seed", default=1, show_default=True, help="Seed number: the same gives the same demo."
            ),
            click.option(
                "--seed",
                "what",
                type=click.Choice(["none", "demo", "all"]),
                default=default,
                show_default=True,
                help=seeds,
            ),
        ):
            command = option(command)
        return command

    return decorate


def ending() -> threading.Event:
    """Set once SIGTERM, SIGHUP or Ctrl-C has come; they end the process no more."""
    ended = threading.Event()
    for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(signum) is not signal.SIG_IGN:  # under nohup
            signal.signal(signum, lambda *_: set_from_handler(ended))
    return ended


def serve(
    cloud: LocalCloud[Any, Any], ended: threading.Event, ready_file: Path | None, ready: Callable[[Path], str]
) -> None:
    """Serve until it is to end. Says where, and writes what `ready(directory)` gives into a file that is asked for."""
    try:
        cloud.start()
    except OSError as refused:
        raise click.ClickException(str(refused)) from refused
    with ExitStack() as stack:
        stack.callback(cloud.stop)
        click.echo(f"listening on {cloud.addresses}")
        if ready_file is not None:
            write_whole(ready_file, ready(ready_file.parent))
        ended.wait()


def write_whole(path: Path, text: str) -> None:
    """A reader sees all of the file or none of it; no one else sees the secrets that may be in it."""
    partial = path.with_name(path.name + ".part")
    partial.touch(mode=0o600)
    partial.write_text(text + "\n", encoding="utf-8")
    partial.replace(path)
