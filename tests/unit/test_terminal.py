"""The terminal that shows what a person sees: enough of one for what our commands draw."""

import io

import pytest
from rich.console import Console
from rich.live import Live
from rich.text import Text

from emulators.demo.terminal import Screen


@pytest.mark.parametrize(
    ("output", "lines"),
    [
        ("one\r\ntwo", ["one", "two", ""]),
        ("one\rtwo three", ["two three", "", ""]),
        ("a line that is too long", ["a line that", "is too long", ""]),
        ("1\r\n2\r\n3\r\n4", ["2", "3", "4"]),
        ("one\r\ntwo\x1b[1A\x1b[2Kup", ["   up", "two", ""]),
        ("one\x1b[31mred\x1b[0m\x1b[2;3Hx\x1b[K", ["onered", "  x", ""]),
        ("one\r\ntwo\x1b[H\x1b[J", ["", "", ""]),
        ("before\x1b[?1049hon its own\x1b[?1049l after", ["before after", "", ""]),
        ("\u6570\u636e", ["\u6570\u636e", "", ""]),
    ],
)
def test_what_stands_on_it(output: str, lines: list[str]) -> None:
    whole, parts = Screen(12, 3), Screen(12, 3)
    whole.feed(output.encode())
    for byte in output.encode():
        parts.feed(bytes([byte]))
    assert whole.lines == parts.lines == lines


def test_another_size_forgets_what_stood_there() -> None:
    screen = Screen(12, 6)
    screen.feed(b"1\r\n2\r\n3\r\n4\r\n5\x1b[?1049hon its own")
    screen.resize(8, 2)
    screen.feed(b"\x1b[?1049lafter\r\nit\r\nall")
    assert screen.lines == ["it", "all"]


def test_it_shows_what_rich_draws() -> None:
    output = io.StringIO()
    console = Console(file=output, force_terminal=True, width=20, height=4)
    with Live(console=console, screen=True, auto_refresh=False) as live:
        for text in ("first\nsecond\nthird", "a new\npicture"):
            live.update(Text(text), refresh=True)
        screen = Screen(20, 4)
        screen.feed(output.getvalue().replace("\n", "\r\n").encode())  # as a terminal does
        assert screen.lines == ["a new", "picture", "", ""]
