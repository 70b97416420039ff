"""The pages lead to each other: no link leads nowhere, and each page is found from the first."""

import re
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_DOCS = _ROOT / "docs"
_PAGES = [_ROOT / "README.md", _ROOT / "CONTRIBUTING.md", _ROOT / "SECURITY.md", *sorted(_DOCS.rglob("*.md"))]
_LINK = re.compile(r"\]\(([^)#\s]*)(#[^)\s]*)?\)")


def _headings(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", _PAGES, ids=lambda page: str(page.relative_to(_ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for path, heading in _LINK.findall(page.read_text(encoding="utf-8")):
        if "://" in path or path.startswith("mailto:"):
            continue
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), path
        if heading and target.suffix == ".md":
            assert heading[1:] in _headings(target), f"{path}{heading}"


def test_every_page_is_linked_from_the_first() -> None:
    text = (_DOCS / "README.md").read_text(encoding="utf-8")
    assert [
        page.name for page in sorted(_DOCS.glob("*.md")) if page.name != "README.md" and f"({page.name})" not in text
    ] == []


def test_the_extras_that_messages_name_bring_the_packages_that_they_say() -> None:
    extras = (_ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for path in (_ROOT / "workers" / "embedded").glob("*.py"):
        text = re.sub(r'"\s+f?"', "", path.read_text(encoding="utf-8"))
        for extra, package in re.findall(r"finfleet\[(\w+)\] \(its package ([\w-]+)", text):
            listed = re.search(rf"^{extra} = \[(.*?)^\]", extras, re.MULTILINE | re.DOTALL)
            assert listed
            assert f'"{package}' in listed[1], (path.name, extra, package)
