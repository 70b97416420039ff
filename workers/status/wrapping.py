"""Lines that fit: broken at spaces, a long name after a slash, and within a word only where nothing else helps."""

from __future__ import annotations

from collections.abc import Iterator

from rich.cells import cell_len, chop_cells

from telemetry.text import shown

_LEAST = 10


def wrapped(text: str, width: int, indent: str = "  ") -> list[str]:
    """``text`` in lines of at most ``width`` cells; all but the first begin with ``indent``."""
    width = max(width, _LEAST)
    lines: list[str] = []
    line, started = "", False
    for word in shown(text).split(" "):
        if started and cell_len(f"{line} {word}") <= width:
            line = f"{line} {word}"
            continue
        if started:
            lines.append(line)
        begin = indent if lines else ""
        line = begin + word
        if cell_len(line) > width:
            *full, line = _broken(word, width - len(indent))
            lines += [(indent if lines or number else "") + part for number, part in enumerate(full)]
            line = indent + line
        started = True
    return [*lines, line]


def _broken(word: str, width: int) -> list[str]:
    """A word in parts: after its slashes, and anywhere in a name that alone is too long."""
    parts: list[str] = []
    for name in _names(word):
        if parts and cell_len(parts[-1] + name) <= width:
            parts[-1] += name
        else:
            parts += chop_cells(name, width)
    return parts


def _names(word: str) -> Iterator[str]:
    """The parts of ``a/b/c``, each with its slash: ``a/``, ``b/``, ``c``."""
    *names, last = word.split("/")
    yield from (f"{name}/" for name in names)
    if last:
        yield last


def columns(headings: list[str], rows: list[list[str]], width: int | None) -> list[str]:
    """A table whose first column takes what the others leave, folded at slashes; the others are set to the right."""
    rows = [[shown(text) for text in row] for row in rows]
    sizes = [max(map(cell_len, column)) for column in zip(headings, *rows, strict=True)]
    rest = sum(sizes[1:]) + 2 * (len(sizes) - 1)
    if width is not None:
        sizes[0] = max(min(sizes[0], width - rest), _LEAST)
    lines: list[str] = []
    for row in [headings, *rows]:
        first, *more = wrapped(row[0], sizes[0], " ") if cell_len(row[0]) > sizes[0] else [row[0]]
        others = zip(row[1:], sizes[1:], strict=True)
        cells = [_padded(first, sizes[0]), *(" " * (size - cell_len(text)) + text for text, size in others)]
        lines += ["  ".join(cells).rstrip(), *more]
    return lines


def _padded(text: str, size: int) -> str:
    return text + " " * (size - cell_len(text))
