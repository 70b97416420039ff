"""What `finfleet up` shows: figures that are not known are no zeros, passwords are nowhere."""

import errno
import io
import os
import queue
import threading
from pathlib import Path

import pytest
from rich.console import Console

from storage.outbox import OutboxWaiting
from storage.reports import ProviderActivity
from tasks.results import Depth
from tests.support.waiting import until
from workers.local import LocalStack, figures
from workers.local.figures import Figures, _Asked, _try
from workers.local.picture import picture
from workers.local.view import LiveView, PlainView, ViewConsole, snapshot, view_for

_KNOWN = Figures(
    windows={"generic": {"complete": 1200, "empty": 34, "planned": 5, "dispatched": 6, "denied": 7, "failed": 1}},
    activity={
        "generic": ProviderActivity(
            provider="generic", runs=4, troubled=0, calls=0, throttles=3, records=600, records_per_second=10.0
        )
    },
    destinations={"openfinops": OutboxWaiting(pending=17, dead=2)},
    dead_letters=1,
    results=Depth(messages=40, oldest_age=75.0),
)


@pytest.fixture
def stack(tmp_path: Path) -> LocalStack:
    """One that is not started: it collects this machine."""
    config = tmp_path / "telemetry.yaml"
    config.write_text("generic: {services: [host]}\n")
    return LocalStack(tmp_path / "state", config=config, environ={})


def _drawn(stack: LocalStack, figures: Figures) -> list[str]:
    events = ("07:00:00Z [something] happened",)
    return [line.plain for line in picture(snapshot(stack, figures, 3725.0, events), 120, 40)]


def _row(drawn: list[str], first: str) -> list[str]:
    return next(line.split() for line in drawn if line.startswith(f"{first} "))


def test_a_line_for_each_provider_and_what_waits(stack: LocalStack) -> None:
    drawn = _drawn(stack, _KNOWN)
    assert drawn[0].startswith("finfleet up for 1 h 2 min; 3 problems; ")
    assert drawn[0].endswith("; Ctrl-C stops it")
    assert _row(drawn, "generic") == ["generic", "1,234", "11", "7", "1", "10.00", "3"]
    assert "results waiting 40  oldest 1 min 15 s  dead letters 1" in drawn
    assert "07:00:00Z [something] happened" in drawn
    assert [line for line in drawn if line.startswith("!")] == [
        "! generic: windows: 7 denied, 1 failed (finfleet status)",
        "! openfinops: batches refused: 2 (finfleet outbox dead)",
        "! dead letters: 1 (finfleet dlq list)",
    ]


def test_what_is_not_known_is_a_dash_with_its_reason(stack: LocalStack) -> None:
    drawn = _drawn(stack, Figures(troubles=("database 127.0.0.1:1/x: refused",)))
    assert _row(drawn, "generic") == ["generic", "-", "-", "-", "-", "-", "-"]
    assert "results waiting -  dead letters -" in drawn
    assert "! not known just now: database 127.0.0.1:1/x: refused" in drawn


def test_a_provider_without_any_collection_yet_has_done_nothing(stack: LocalStack) -> None:
    drawn = _drawn(stack, Figures(windows={}, activity={}, destinations={}, dead_letters=0))
    assert _row(drawn, "generic") == ["generic", "0", "0", "0", "0", "0.00", "0"]


def _lines(view: PlainView, output: io.StringIO) -> list[str]:
    lines = [line.split(" ", 1)[1] for line in output.getvalue().splitlines()]
    output.truncate(0)
    output.seek(0)
    return lines


def test_without_a_terminal_only_changes_are_said(stack: LocalStack) -> None:
    output = io.StringIO()
    view = PlainView(Console(file=output, width=80))
    with view:
        view.say("ingest runs (process 5)")
        view.say("ingest runs (process 5)")
        assert _lines(view, output) == ["ingest runs (process 5)"]
        view.show(stack, _KNOWN)
        (line,) = _lines(view, output)
        assert line.startswith("1,242 windows settled, 8 of them denied or failed; 1 dead letters, ")
        assert line.endswith(" dead letters, 17 to be forwarded, 2 refused")
        view.show(stack, _KNOWN)
        view.show(stack, Figures(troubles=("the database is away",)))
        view.show(stack, Figures(troubles=("the database is away",)))
        assert _lines(view, output) == ["the database is away"]
        view.show(stack, _KNOWN)
        assert _lines(view, output) == []


@pytest.mark.parametrize(
    ("environ", "terminal", "plain", "kind"),
    [
        ({"TERM": "xterm-256color"}, True, False, LiveView),
        ({"TERM": "xterm-256color", "NO_COLOR": ""}, True, False, LiveView),
        ({"TERM": "xterm-256color", "NO_COLOR": "1"}, True, False, PlainView),
        ({"TERM": "dumb"}, True, False, PlainView),
        ({"TERM": "xterm-256color"}, False, False, PlainView),
        ({"TERM": "xterm-256color"}, True, True, PlainView),
    ],
)
def test_only_a_terminal_that_can_draw_has_a_picture(
    environ: dict[str, str], terminal: bool, plain: bool, kind: type[object]
) -> None:
    console = Console(file=io.StringIO(), force_terminal=terminal, _environ=environ)
    assert isinstance(view_for(console, environ, plain=plain), kind)


class _Gone(io.StringIO):
    """A terminal that was closed."""

    def isatty(self) -> bool:
        return True

    def write(self, _text: str, /) -> int:
        raise OSError(5, "Input/output error")


def test_a_line_is_one_event_and_has_its_time(stack: LocalStack) -> None:
    output = io.StringIO()
    view = PlainView(Console(file=output, width=80))
    view.say("plan ended 5 times in a row; the end of its log:\n  first\n  second")
    assert _lines(view, output) == ["plan ended 5 times in a row; the end of its log:", "  first", "  second"]


def test_a_terminal_that_is_gone_stops_nothing(stack: LocalStack) -> None:
    for view in (PlainView(Console(file=_Gone())), LiveView(Console(file=_Gone(), force_terminal=True))):
        with view:
            view.say("first")
            view.show(stack, _KNOWN)
            view.say("second")
            view.show(stack, _KNOWN)


class _Full(io.StringIO):
    """A file on a disk that is full while ``room`` is False."""

    room = False

    def write(self, text: str) -> int:
        if not self.room:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(text)


def test_a_line_for_which_there_is_no_room_is_not_the_last_one() -> None:
    file = _Full()
    view = PlainView(Console(file=file, width=120))
    view.say("lost")
    file.room = True
    view.say("ingest runs")
    assert [line.split("Z ")[1] for line in file.getvalue().splitlines()] == ["lost", "ingest runs"]


def test_a_reader_that_is_gone_ends_no_thread_that_speaks() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as file:
        view = PlainView(ViewConsole(file=file))
        view.say("nobody reads it")
        view.say("nor this")


def test_figures_that_cannot_be_asked_for_are_told_whatever_the_reason() -> None:
    troubles: list[str] = []

    def ask() -> None:
        raise RuntimeError("can't start new thread")

    assert _try(ask, troubles) is None
    assert troubles == ["RuntimeError: can't start new thread"]


def test_what_was_known_before_a_server_fell_silent_is_not_known_now(monkeypatch: pytest.MonkeyPatch) -> None:
    answers, silence = queue.SimpleQueue[int](), threading.Event()
    asked = _Asked("database here", answers.get, silence.set)
    asked.start()
    answers.put(5)
    until(lambda: asked.answer() == (5, ""))
    monkeypatch.setattr(figures, "_SILENT_AFTER", 0.0)
    until(lambda: asked.answer() == (None, "database here does not answer"))
    monkeypatch.setattr(figures, "_SILENT_AFTER", 3600.0)
    answers.put(6)
    until(lambda: asked.answer() == (6, ""))
    asked.stopped.set()
    answers.put(7)
    asked.join(10)
    assert silence.is_set()


_HOSTILE = "\x1b]0;owned\x07\u202eevil\x9b2J"


def test_lines_and_troubles_steer_no_terminal(stack: LocalStack) -> None:
    output = io.StringIO()
    live = LiveView(Console(file=output, width=120, force_terminal=True, color_system=None))
    live.say(f"live {_HOSTILE}")
    live.show(stack, Figures(troubles=(f"trouble {_HOSTILE}",)))
    with live:
        live.show(stack, Figures(troubles=(f"trouble {_HOSTILE}",)))
    plain = PlainView(Console(file=output, width=120))
    plain.say(f"plain {_HOSTILE}")
    drawn = output.getvalue()
    assert all(f"{word} \\x1b]0;owned\\x07\\u202eevil\\x9b2J" in drawn for word in ("live", "trouble", "plain"))
    assert not any(character in drawn for character in "\x07\u202e\x9b")
    assert "\x1b]0" not in drawn
