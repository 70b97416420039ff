"""Lines of a given width: words that are wrapped, names that are never broken, tables that leave out columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.cells import cell_len, chop_cells
from rich.text import Text

GAP = "  "
CUT = ".."
"""Plain ASCII: every terminal has it, and it is as wide as it looks."""


def wrap(text: str, width: int, style: str = "", indent: str = "") -> list[Text]:
    """A text on as many lines as it takes, ``indent`` before all but the first; a word wider than a line is broken."""
    lines: list[str] = []
    line = ""
    for word in text.split():
        if line.strip() and cell_len(line) + 1 + cell_len(word) <= width:
            line += f" {word}"
            continue
        if line.strip():
            lines.append(line)
        start = indent if lines else ""
        *whole, line = _pieces(word, width - len(start), width - len(indent))
        lines += [piece if not lines and not number else f"{indent}{piece}" for number, piece in enumerate(whole)]
        line = f"{indent}{line}" if lines else line
    return [Text(each, style) for each in (*lines, line) if each.strip()]


def _pieces(word: str, first: int, further: int) -> list[str]:
    if cell_len(word) <= first:
        return [word]
    return chop_cells(word, max(1, min(first, further)))


def cut(text: str, width: int) -> str:
    """A text on one line; where it is too long it ends with two dots, between two words if there are any."""
    if cell_len(text) <= width:
        return text
    fitting = (chop_cells(text, max(1, width - len(CUT))) or [""])[0]
    words, _, rest = fitting.rpartition(" ")
    # What is cut within a word is so because the word alone is too long.
    broken = bool(rest) and not text[len(fitting) :].startswith(" ")
    return f"{(words if broken and words.strip() else fitting).rstrip()}{CUT}"


def flow(label: str, items: Iterable[tuple[str, str]], width: int) -> list[Text]:
    """Items, each a text with its style, after one another; none is broken, unless it is wider than a line."""
    lines = [Text(label, "bold")] if label else []
    for text, style in items:
        fitted = cut(text, width)
        if lines and lines[-1].cell_len + len(GAP) + cell_len(fitted) <= width:
            lines[-1].append(GAP).append(fitted, style)
        else:
            lines.append(Text(fitted, style))
    return lines


def table(
    headings: Sequence[str], rows: Sequence[Sequence[str]], width: int, styles: Sequence[str], *, needed: int = 1
) -> list[Text] | None:
    """A line for the headings and one for each row: to the right, but for the first and those that begin with ``<``.

    As many columns as there is room for; None where that is fewer than ``needed``.
    """
    left = [not place or heading.startswith("<") for place, heading in enumerate(headings)]
    headings = [heading.removeprefix("<") for heading in headings]
    widths = [max(cell_len(row[place]) for row in (headings, *rows)) for place in range(len(headings))]
    kept = next(
        (count for count in range(len(headings), 0, -1) if sum(widths[:count]) + len(GAP) * (count - 1) <= width), 0
    )
    if kept < needed:
        return None
    form = list(zip(widths, left, strict=True))[:kept]
    lines = [Text(_row(headings, form), "bold")]
    return lines + [Text(_row(row, form), style) for row, style in zip(rows, styles, strict=True)]


def _row(cells: Sequence[str], form: Sequence[tuple[int, bool]]) -> str:
    padded = []
    for cell, (width, left) in zip(cells, form, strict=False):
        space = " " * (width - cell_len(cell))
        padded.append(cell + space if left else space + cell)
    return GAP.join(padded).rstrip()


def side_by_side(lines: Sequence[Text], width: int) -> list[Text]:
    """A table, the first line of which is its heading, in as many columns as there is room for, read downwards."""
    heading, *rows = lines
    widest = max(line.cell_len for line in lines)
    gap = GAP * 2
    columns = max(1, min((width + len(gap)) // (widest + len(gap)), len(rows) or 1))
    height = -(-len(rows) // columns)
    columns = -(-len(rows) // height) if height else 1
    joined = []
    for number in range(-1, height):
        places = [heading] * columns if number < 0 else rows[number::height] if height else []
        line = Text()
        for place, part in enumerate(places):
            line.append_text(part)
            if place < len(places) - 1:
                line.append(" " * ((widest + len(gap)) * (place + 1) - line.cell_len))
        joined.append(line)
    return joined
