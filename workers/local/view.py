"""How `finfleet up` shows itself: one calm picture on a terminal, a line for each change elsewhere."""

from __future__ import annotations

import collections
import contextlib
import errno
import os
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from telemetry.standard_output import excuse
from telemetry.text import shown
from workers.local.figures import Figures
from workers.local.files import USER
from workers.local.picture import picture
from workers.local.snapshot import Phase, Snapshot
from workers.local.stack import LocalStack

_LINES_KEPT = 60
_LEAST_WIDTH, _LEAST_HEIGHT = 20, 5
_WINDOWS_BETWEEN = 100
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


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


def view_for(console: Console, environ: Mapping[str, str], *, plain: bool) -> View:
    """The picture on a terminal that can draw; lines elsewhere, and where somebody wants them."""
    if plain or not console.is_terminal or console.is_dumb_terminal or environ.get("NO_COLOR"):
        return PlainView(console)
    return LiveView(console)


def addresses(stack: LocalStack) -> tuple[tuple[str, str], ...]:
    """Where to look, as (what, where); passwords by the file that holds them."""
    found = [("logs", str(stack.files.logs))]
    if stack.flower_url:
        password = f"{stack.files.flower_password}, of the user {USER}"
        found = [("Flower", stack.flower_url), *found, ("Flower's password", password)]
    if stack.metrics:
        found.append(("metrics", f"{stack.files.prometheus} (file_sd_configs)"))
    return (*found, ("database", stack.psql))


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
                for each in line.splitlines() or [""]:
                    self._console.print(f"{stamp} {shown(each)}", soft_wrap=True)
                self._console.file.flush()
            except (OSError, ValueError) as error:
                if _passes(error):
                    excuse()
                else:  # whoever read it is gone, or has closed it
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
                self.say(" ".join(trouble.split()))
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
    """One picture that changes in place, on a screen of its own; its last state stays on the terminal afterwards."""

    def __init__(self, console: Console) -> None:
        """Draw on a console that is a terminal."""
        self._console = console
        # The picture is drawn when we say so: nothing moves by itself. A screen of its own: what is drawn for one size
        # does not lie about when the terminal gets another.
        self._live: Live | None = Live(
            console=console, screen=True, auto_refresh=False, redirect_stdout=False, redirect_stderr=False
        )
        self._lines: collections.deque[str] = collections.deque(maxlen=_LINES_KEPT)
        self._begun = time.monotonic()
        self._last: Snapshot | None = None

    def __enter__(self) -> Self:
        """Begin to draw."""
        self._draw(Live.start)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the last picture standing."""
        self._draw(Live.stop)
        if self._last is not None:
            last = self._picture(self._last, 1)  # of which the next line of the shell pushes out none
            self._draw(lambda _: self._console.print(last))

    def say(self, line: str) -> None:
        """Keep a line, to be shown below the figures with the next picture."""
        self._lines.append(f"{datetime.now(UTC):%H:%M:%S}Z {shown(line, lines=True)}")

    def show(self, stack: LocalStack, figures: Figures) -> None:
        """Draw."""
        self._last = snapshot(stack, figures, time.monotonic() - self._begun, tuple(self._lines))
        drawn = self._picture(self._last)
        self._draw(lambda live: live.update(drawn, refresh=True))

    def _picture(self, of: Snapshot, free: int = 0) -> RenderableType:
        # The size is asked for each time: the terminal may have another by now.
        width, height = self._console.size
        lines = picture(of, max(width, _LEAST_WIDTH), max(height - free, _LEAST_HEIGHT))
        return Text("\n", no_wrap=True, overflow="crop", end="").join(lines)

    def _draw(self, action: Callable[[Live], None]) -> None:
        if self._live is None:
            return
        try:
            action(self._live)
        except (OSError, ValueError):  # the terminal is gone: what runs goes on without it
            self._live = None


def snapshot(stack: LocalStack, figures: Figures, up: float, events: tuple[str, ...]) -> Snapshot:
    """How the stack stands."""
    phase = Phase.READY if stack.is_ready else Phase.STARTING
    if stack.is_stopping:
        phase = Phase.STOPPING if stack.pids else Phase.STOPPED
    return Snapshot(
        phase=phase,
        up=up,
        processes=stack.processes,
        providers=tuple(provider for provider, _ in stack.settings.providers()),
        destinations=stack.settings.destinations,
        figures=figures,
        events=events,
        addresses=addresses(stack) if stack.is_ready else (),
        metrics=stack.metrics,
    )
