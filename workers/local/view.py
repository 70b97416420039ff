"""How `finfleet up` shows itself: one calm picture on a terminal, a line for each change elsewhere."""

from __future__ import annotations

import collections
import contextlib
import errno
import os
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from telemetry.text import shown
from workers.local.figures import Figures
from workers.local.files import USER
from workers.local.stack import LocalStack
from workers.local.supervisor import ProcessStatus, State
from workers.output import cell, duration

_LINES_KEPT = 6
_WINDOWS_BETWEEN = 100
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_STYLES = {State.RUNNING: "green", State.STARTING: "yellow", State.WAITING: "red", State.STOPPING: "yellow"}


class View(Protocol):
    """Shows the stack; a context manager. It gives up in silence where its terminal is gone."""

    def say(self, line: str) -> None:
        """Something has changed; from any thread."""

    def show(self, stack: LocalStack, figures: Figures) -> None:
        """This is how it stands; from the thread that entered the view."""

    def __enter__(self) -> Self:
        """Begin."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End."""


def addresses(stack: LocalStack) -> tuple[tuple[str, str], ...]:
    """Where to look, as (what, where); passwords by the file that holds them."""
    found = [("database", stack.psql)]
    if stack.flower_url:
        found.append(("Flower", f"{stack.flower_url}  user {USER}, password in {stack.files.flower_password}"))
    found.append(("logs", str(stack.files.logs)))
    return tuple(found)


class ViewConsole(Console):
    """A console whose reader may go away: rich would end the thread that writes just then."""

    def on_broken_pipe(self) -> None:
        """Leave it to the view; nothing is left to be written at the end of the process, which would complain."""
        with contextlib.suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.file.fileno())
            os.close(nowhere)
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))


class PlainView:
    """A line for each change, with the time; nothing is said twice in a row."""

    def __init__(self, console: Console) -> None:
        """Write to a console."""
        self._console: Console | None = console
        self._lock = threading.Lock()
        self._last = ""
        self._addressed = False
        self._settled = -_WINDOWS_BETWEEN
        self._bad = (0, 0, 0)
        self._troubles: tuple[str, ...] = ()

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End."""

    def say(self, line: str) -> None:
        """Print a line."""
        with self._lock:
            if self._console is None or line == self._last:
                return
            self._last = line
            stamp = f"{datetime.now(UTC):%H:%M:%S}Z"
            try:
                self._console.print(f"{stamp} {shown(line, lines=True)}", soft_wrap=True)
                self._console.file.flush()
            except (OSError, ValueError) as error:
                if not _passes(error):  # whoever read it is gone, or has closed it
                    self._console = None

    def show(self, stack: LocalStack, figures: Figures) -> None:
        """Print what is new: the addresses once, windows by the hundred, whatever went wrong."""
        if stack.is_ready and not self._addressed:
            self._addressed = True
            self.say("ready")
            for what, where in addresses(stack):
                self.say(f"{what}: {where}")
        for trouble in figures.troubles:
            if trouble not in self._troubles:
                self.say(trouble)
        self._troubles = figures.troubles
        self._count(figures)

    def _count(self, figures: Figures) -> None:
        settled = figures.settled()
        outbox, dead = figures.outbox, figures.dead_letters
        if settled is None or figures.windows is None or outbox is None or dead is None:
            return
        lost = sum(figures.lost(provider) for provider in figures.windows)
        bad = (lost, dead, outbox.dead)
        worse = any(now > before for now, before in zip(bad, self._bad, strict=True))
        if (settled and settled >= self._settled + _WINDOWS_BETWEEN) or worse:
            self._settled, self._bad = settled, bad
            self.say(
                f"{settled:,} windows settled, {lost:,} of them denied or failed; "
                f"{dead:,} dead letters, {outbox.pending:,} to be forwarded"
                + (f", {outbox.dead:,} refused" if outbox.dead else "")
            )


def _passes(error: Exception) -> bool:
    """Whether the next line may be taken again: there was no room for this one."""
    return isinstance(error, OSError) and error.errno in _NO_ROOM


class LiveView:
    """One picture that changes in place."""

    def __init__(self, console: Console) -> None:
        """Draw on a console that is a terminal."""
        # The picture is drawn when we say so: nothing moves by itself.
        self._live: Live | None = Live(
            console=console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False
        )
        self._lines: collections.deque[str] = collections.deque(maxlen=_LINES_KEPT)
        self._begun = time.monotonic()

    def __enter__(self) -> Self:
        """Begin to draw."""
        self._draw(Live.start)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the last picture standing."""
        self._draw(Live.stop)

    def say(self, line: str) -> None:
        """Keep a line, to be shown below the figures with the next picture."""
        self._lines.append(f"{datetime.now(UTC):%H:%M:%S}Z {shown(line, lines=True)}")

    def show(self, stack: LocalStack, figures: Figures) -> None:
        """Draw."""
        drawn = picture(stack, figures, time.monotonic() - self._begun, tuple(self._lines))
        self._draw(lambda live: live.update(drawn, refresh=True))

    def _draw(self, action: Callable[[Live], None]) -> None:
        if self._live is None:
            return
        try:
            action(self._live)
        except (OSError, ValueError):  # the terminal is gone: what runs goes on without it
            self._live = None


def picture(stack: LocalStack, figures: Figures, up: float, lines: tuple[str, ...]) -> RenderableType:
    """The whole view."""
    ctrl_c = "stopping; Ctrl-C once more ends it at once" if stack.is_stopping else "Ctrl-C stops it"
    parts: list[RenderableType] = [Text(f"finfleet up for {duration(up)}; {ctrl_c}", style="bold"), Text()]
    if stack.is_ready:
        parts += [_addresses(stack), Text()]
    parts += [_processes(stack.processes), Text(), _providers(stack, figures), Text(), _queues(figures)]
    parts += [Text(f"not known just now: {shown(trouble)}", style="red") for trouble in figures.troubles]
    if lines:
        parts += [Text(), Text("\n".join(lines), style="dim")]
    return Group(*parts)


def _addresses(stack: LocalStack) -> Table:
    table = Table.grid(padding=(0, 2))
    for what, where in addresses(stack):
        # Never cut: these are there to be copied.
        table.add_row(Text(what), Text(shown(where), overflow="fold"))
    return table


def _processes(processes: tuple[ProcessStatus, ...]) -> Table:
    table = _table("process", ">pid", "state", ">up", ">restarts")
    for process in processes:
        table.add_row(
            shown(process.name),
            "-" if process.pid is None else str(process.pid),
            Text(process.state, style=_STYLES.get(process.state, "dim")),
            "-" if process.uptime is None else duration(process.uptime),
            str(process.restarts),
        )
    return table


def _providers(stack: LocalStack, figures: Figures) -> Table:
    table = _table("provider", ">windows done", ">waiting", ">denied or failed", ">records/s", ">throttles/min")
    for provider, _ in stack.settings.providers():
        windows: tuple[int | None, ...] = (None, None, None)
        if figures.windows is not None:
            windows = figures.done(provider), figures.waiting(provider), figures.lost(provider)
        rate: float | None = None
        throttles: int | None = None
        if figures.activity is not None:
            lately = figures.activity.get(provider)
            rate, throttles = (lately.records_per_second, lately.throttles) if lately else (0.0, 0)
        table.add_row(provider, *(cell(value) for value in (*windows, rate, throttles)))
    return table


def _queues(figures: Figures) -> Text:
    outbox, results = figures.outbox, figures.results
    oldest = "" if results is None or results.oldest_age is None else f", the oldest for {duration(results.oldest_age)}"
    shown = (
        ("results waiting", cell(results.messages if results else None) + oldest),
        ("to be forwarded", cell(outbox.pending if outbox else None)),
        ("refused", cell(outbox.dead if outbox else None)),
        ("dead letters", cell(figures.dead_letters)),
    )
    return Text("   ".join(f"{name} {value}" for name, value in shown))


def _table(*columns: str) -> Table:
    """A plain table; a column that begins with ``>`` holds numbers."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column.removeprefix(">"), justify="right" if column.startswith(">") else "left")
    return table
