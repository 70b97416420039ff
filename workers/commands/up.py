"""``finfleet up``: the whole fleet on this machine."""

from __future__ import annotations

import contextlib
import logging
import logging.handlers
import os
import select
import signal
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from io import TextIOWrapper
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

import click
import psutil

from telemetry.errors import FinfleetError
from telemetry.private import open_private
from telemetry.redact import RedactingFormatter
from telemetry.target import format_time
from telemetry.terminal import complain
from workers.embedded import EmbeddedServerError, StateInUseError
from workers.embedded.logs import LOG_BYTES, LOG_FILES
from workers.embedded.parent import end_with, parent_option
from workers.local import LocalStack
from workers.local.figures import Figures, Watcher
from workers.local.files import StateFiles
from workers.local.view import View, ViewConsole, view_for

logger = logging.getLogger(__name__)
events = logging.getLogger("finfleet.up")
"""What happens: each start, end and restart, whatever else is logged."""

EX_IN_USE = 75
_EVERY = 0.5
_FORCED = 130


@click.command(
    name="up",
    epilog="""\b
Exit status: 0 stopped cleanly; 130 stopped at once by a second Ctrl-C or SIGTERM; 75 another `finfleet up` uses the
state directory; 69 a server cannot be started or reached, or a component failed; 78 the configuration has errors.""",
)
@click.option(
    "--state",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(".finfleet"),
    show_default=True,
    help="Directory for data, logs and passwords; other users have no access.",
)
@click.option(
    "--flower-port",
    type=click.IntRange(1, 65535),
    help="Port of Flower [default: the one of the last run, or a free one].",
)
@click.option(
    "--metrics-port",
    type=click.IntRange(0, 65535),
    envvar="FINFLEET_METRICS_PORT",
    show_envvar=True,
    help="First of the ports for Prometheus metrics, one for each process; 0 turns them off [default: those of the "
    "last run, or free ones].",
)
@click.option("--no-flower", is_flag=True, help="Run without Flower.")
@click.option(
    "--plain",
    is_flag=True,
    help="Print a line for each change instead of the live view, as without a terminal, with TERM=dumb or NO_COLOR.",
)
@parent_option
def command(
    state: Path,
    *,
    flower_port: int | None,
    metrics_port: int | None,
    no_flower: bool,
    plain: bool,
    parent: int | None,
) -> int:
    """Run the whole fleet on this machine, until Ctrl-C or SIGTERM.

    Starts its own Postgres and Valkey, unless FINFLEET_DATABASE_URL, FINFLEET_BROKER_URL or the configuration name
    other servers. Always migrates the database to the schema of this release. `STATE/up.json` lists what is running.
    """
    if no_flower and flower_port is not None:
        raise click.UsageError("--flower-port and --no-flower exclude each other")
    console = ViewConsole(highlight=False, markup=False, emoji=False)
    view = view_for(console, os.environ, plain=plain)

    def say(line: str) -> None:
        events.info(line)
        view.say(line)

    stack = LocalStack(state, flower=not no_flower, flower_port=flower_port, metrics_port=metrics_port, say=say)
    with StopSignals() as signals:
        end_with(parent)
        try:
            stack.start()
            return _run(stack, view, signals)
        except StateInUseError as error:
            complain(f"finfleet: {error}{_since(error.pid)}")
            return EX_IN_USE
        except EmbeddedServerError as error:
            raise FinfleetError(str(error)) from error


def _run(stack: LocalStack, view: View, signals: StopSignals) -> int:
    with _logging_to(stack.files), view:
        figures = Figures()
        try:
            figures = _show(stack, view, signals)
        finally:
            forced = _stop(stack, view, signals, figures)
    if stack.error is not None and not signals.came:
        raise stack.error
    return _FORCED if forced else 0


def _show(stack: LocalStack, view: View, signals: StopSignals) -> Figures:
    """Until a signal comes, or the start has failed. Returns the last figures."""
    while not stack.is_ready:
        if signals.wait(_EVERY) or stack.error is not None:
            return Figures()
        view.show(stack, Figures())
    with Watcher(stack.database_url, stack.broker) as watcher:
        while not signals.wait(_EVERY) and stack.error is None:
            if not watcher.alive:
                raise FinfleetError("nobody asks for the figures any more: what runs could not be watched")
            view.show(stack, watcher.latest)
        return watcher.latest


def _stop(stack: LocalStack, view: View, signals: StopSignals, figures: Figures) -> bool:
    """Stop in order; at once when another signal comes. Returns whether one came."""
    events.info("stopping in order")
    view.say("stopping in order; a second Ctrl-C or SIGTERM ends everything at once")
    forced = False
    stopping = threading.Thread(target=stack.stop, name="stop", daemon=True)
    stopping.start()
    while stopping.is_alive():
        if signals.wait(_EVERY / 5):
            forced = True
            stack.stop_now()
        try:
            view.show(stack, figures)
        except Exception:  # it may be why all is stopped: what runs is stopped in order all the same
            logger.exception("showing how it stops")
    return forced


class StopSignals:
    """SIGINT, SIGTERM and SIGHUP, to be waited for; those that are ignored (nohup) stay ignored. A context manager."""

    def __init__(self) -> None:
        """Nothing is changed yet."""
        # A pipe: the lock of a threading.Event may be held by the very thread that the handler interrupts.
        self._reading, self._writing = os.pipe()
        os.set_blocking(self._writing, False)
        self._former: dict[signal.Signals, object] = {}
        #: Whether any has come.
        self.came = False

    def __enter__(self) -> Self:
        """Take the signals over."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._former[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give them back."""
        for number, former in self._former.items():
            signal.signal(number, former)  # type: ignore[arg-type]  # what signal.signal returned
        os.close(self._reading)
        os.close(self._writing)

    def wait(self, seconds: float) -> bool:
        """Wait for a signal, and take it: True where one has come since the last one was taken."""
        readable, _, _ = select.select([self._reading], [], [], seconds)
        return bool(readable and os.read(self._reading, 1))

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        self.came = True
        with contextlib.suppress(BlockingIOError):
            os.write(self._writing, b"!")


@contextlib.contextmanager
def _logging_to(files: StateFiles) -> Iterator[None]:
    """Keep log lines of this process out of the picture: they go to a file beside those of the others."""
    path = files.log("up")
    handler = _PrivateFile(path, maxBytes=LOG_BYTES, backupCount=LOG_FILES - 1, encoding="utf-8")
    handler.setFormatter(RedactingFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    former = root.handlers[:]
    root.handlers[:] = [handler]
    events.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.handlers[:] = former
        handler.close()


class _PrivateFile(logging.handlers.RotatingFileHandler):
    """A log that is closed to others, and never written through a link."""

    def _open(self) -> TextIOWrapper:
        descriptor = open_private(Path(self.baseFilename), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        return TextIOWrapper(os.fdopen(descriptor, "ab"), encoding=self.encoding)


def _since(pid: int | None) -> str:
    """Since when a process has been running."""
    try:
        begun = datetime.fromtimestamp(psutil.Process(pid).create_time(), UTC) if pid is not None else None
    except psutil.Error:
        begun = None
    return "" if begun is None else f"; it runs since {format_time(begun.replace(microsecond=0))}"
