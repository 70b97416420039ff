"""The page of screens: each command at each size, none wider than its terminal, nothing of the machine it is from."""

import re
from pathlib import Path

from emulators.demo.screens import COMMANDS, SIZES, Shot, make_page

_PAGE = Path(__file__).parents[2] / "docs" / "screens.md"
_TITLES = ("finfleet up", "finfleet up, with problems", *(f"finfleet {' '.join(words)}" for words in COMMANDS))


def _shots(page: str) -> dict[tuple[str, str], list[str]]:
    """The lines by title and size."""
    sections = re.split(r"^## (.+)$", page, flags=re.MULTILINE)[1:]
    return {
        (title, size): text.splitlines()
        for title, section in zip(sections[::2], sections[1::2], strict=True)
        for size, text in re.findall(r"^### (\d+ x \d+)\n\n```text\n(.*?)\n```$", section, re.MULTILINE | re.DOTALL)
    }


def test_the_page_has_every_command_at_every_size() -> None:
    page = _PAGE.read_text(encoding="utf-8")
    shots = _shots(page)
    assert shots.keys() == {(title, f"{width} x {height}") for title in _TITLES for width, height in SIZES}
    for (title, size), lines in shots.items():
        width, height = map(int, size.split(" x "))
        assert max(map(len, lines)) <= width
        assert "," in title or not title.startswith("finfleet up") or len(lines) <= height
    assert not re.search(r"/(home|root|tmp|work)/", page)


def test_a_page_is_made_of_what_stood_on_terminals() -> None:
    shots = [Shot("finfleet x", 80, 24, ["one", "", "two", ""]), Shot("finfleet x", 160, 50, ["one two"])]
    page = make_page(shots)
    assert page.count("## finfleet x\n") == 1
    assert _shots(page) == {("finfleet x", "80 x 24"): ["one", "", "two"], ("finfleet x", "160 x 50"): ["one two"]}
