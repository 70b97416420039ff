"""A terminal of a given size, as far as our commands use one: what a person would see on it, as lines of text."""

from __future__ import annotations

import codecs
import fcntl
import os
import pty
import re
import struct
import termios
import threading
from types import TracebackType
from typing import Self

from rich.cells import cell_len

_CODES = re.compile(r"\x1b\[([0-9;?]*)([@-~])|\x1b[()].|\x1b[^\[()]|\x1b\](?:[^\x07\x1b]*)(?:\x07|\x1b\\)")
_UNFINISHED = re.compile(r"\x1b(?:[\[()][0-9;?]*)?$")
_OWN_SCREEN = "?1049"


class Screen:
    """What stands on a screen after some output: text, the movements of the cursor, nothing of the colours."""

    def __init__(self, width: int, height: int) -> None:
        """Empty."""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""
        self._aside: tuple[list[list[str]], int, int] | None = None
        self.resize(width, height)

    def resize(self, width: int, height: int) -> None:
        """Another size; what stood there goes, as it will be drawn again."""
        self.width, self.height = width, height
        self._aside = None
        self._clear()

    def feed(self, data: bytes) -> None:
        """Take in output."""
        text = self._rest + self._decoder.decode(data)
        unfinished = _UNFINISHED.search(text)
        self._rest = unfinished[0] if unfinished else ""
        text = text[: len(text) - len(self._rest)]
        place = 0
        for code in _CODES.finditer(text):
            self._write(text[place : code.start()])
            if code[2]:
                self._obey(code[2], code[1])
            place = code.end()
        self._write(text[place:])

    @property
    def lines(self) -> list[str]:
        """The lines, without the blanks at their ends."""
        return ["".join(cells).rstrip() for cells in self._cells]

    def _clear(self) -> None:
        self._cells = [[" "] * self.width for _ in range(self.height)]
        self._row = self._column = 0

    def _write(self, text: str) -> None:
        for character in text:
            if character == "\n":
                self._next_line()
            elif character == "\r":
                self._column = 0
            elif character >= " ":
                self._put(character)

    def _put(self, character: str) -> None:
        width = cell_len(character)
        if self._column + width > self.width:
            self._column = 0
            self._next_line()
        if width:
            self._cells[self._row][self._column : self._column + width] = [character, *[""] * (width - 1)]
            self._column += width

    def _next_line(self) -> None:
        if self._row + 1 < self.height:
            self._row += 1
        else:
            self._cells = [*self._cells[1:], [" "] * self.width]

    def _obey(self, letter: str, given: str) -> None:
        numbers = [int(number or 0) for number in given.split(";")] if given and "?" not in given else [0]
        count = max(numbers[0], 1)
        if letter in "Hf":
            self._row = min(count, self.height) - 1
            self._column = min(max(numbers[-1], 1) if len(numbers) > 1 else 1, self.width) - 1
        elif letter in "ABCD":
            down, right = {"A": (-count, 0), "B": (count, 0), "C": (0, count), "D": (0, -count)}[letter]
            self._row = min(max(self._row + down, 0), self.height - 1)
            self._column = min(max(self._column + right, 0), self.width - 1)
        elif letter == "K":
            self._erase_line(numbers[0])
        elif letter == "J":
            self._erase(numbers[0])
        elif given == _OWN_SCREEN and letter in "hl":
            self._switch(own=letter == "h")

    def _erase_line(self, what: int) -> None:
        first = self._column if what == 0 else 0
        last = self._column + 1 if what == 1 else self.width
        self._cells[self._row][first:last] = [" "] * (last - first)

    def _erase(self, what: int) -> None:
        if what:
            self._cells = [[" "] * self.width for _ in range(self.height)]
            return
        self._erase_line(0)
        for row in range(self._row + 1, self.height):
            self._cells[row] = [" "] * self.width

    def _switch(self, *, own: bool) -> None:
        if own:
            self._aside = self._cells, self._row, self._column
            self._clear()
        elif self._aside is None:
            self._clear()
        else:
            self._cells, self._row, self._column = self._aside
            self._aside = None


class Terminal:
    """A terminal with a screen; programs get ``theirs``. A context manager."""

    def __init__(self, width: int, height: int, kept: int | None = None) -> None:
        """Open it; ``kept`` lines can be scrolled back to, and are on the screen as well."""
        self.screen = Screen(width, kept or height)
        self._kept = kept
        self._lock = threading.Lock()
        self._ours, self.theirs = pty.openpty()
        self._thread = threading.Thread(target=self._read, name="terminal", daemon=True)
        self.resize(width, height)
        self._thread.start()

    def resize(self, width: int, height: int) -> None:
        """Give it another size; its foreground process hears of it."""
        with self._lock:
            self.screen.resize(width, self._kept or height)
        fcntl.ioctl(self.theirs, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def press(self, keys: str) -> None:
        """Press keys, as the bytes that they send."""
        os.write(self._ours, keys.encode())

    @property
    def lines(self) -> list[str]:
        """What stands on it now."""
        with self._lock:
            return self.screen.lines

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self.theirs)
        self._thread.join(10)
        os.close(self._ours)

    def _read(self) -> None:
        while True:
            try:
                chunk = os.read(self._ours, 65_536)
            except OSError:  # how the end of a terminal reads
                return
            if not chunk:
                return
            with self._lock:
                self.screen.feed(chunk)
