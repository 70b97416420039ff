"""Every command line of ours that the pages name is one that there is, with these options."""

import re
import shlex
from pathlib import Path

import click
import pytest

from workers.cli import cli

_ROOT = Path(__file__).parents[2]
# Screens hold what commands print, and none to type.
_PAGES = [_ROOT / "README.md", *sorted(page for page in (_ROOT / "docs").rglob("*.md") if page.name != "screens.md")]
_MAKEFILE = (_ROOT / "Makefile").read_text(encoding="utf-8")


def _lines(start: str) -> set[tuple[str, str]]:
    """Command lines with their page: in backquotes, or in blocks of code."""
    found = set()
    for page in _PAGES:
        text = page.read_text(encoding="utf-8")
        blocks = "".join(re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
        prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
        lines = re.findall(rf"`({start} [^`]*)`", prose)
        lines += re.findall(rf"^\s*(?:\$ )?(?:\w+=\S* )*({start} [^\n#]*)", blocks, re.MULTILINE)
        found |= {(page.name, " ".join(line.split())) for line in lines}
    return found


def _command(words: list[str]) -> tuple[click.Command, list[str]]:
    """The command that the first words name, and the rest of them."""
    command: click.Command = cli
    context = click.Context(cli)
    while isinstance(command, click.Group):
        if command.invoke_without_command and (not words or words[0] not in command.list_commands(context)):
            break
        word, *words = words
        found = command.get_command(context, word)
        assert found is not None, f"there is no command {word}"
        command = found
    return command, words


@pytest.mark.parametrize(("page", "line"), sorted(_lines("finfleet")))
def test_a_command_line_of_the_pages_is_understood(page: str, line: str) -> None:
    command, words = _command(shlex.split(line)[1:])
    options = {name: option for option in command.params if isinstance(option, click.Option) for name in option.opts}
    positional = 0
    words = words[::-1]
    while words:
        word = words.pop()
        if word.startswith("-") and word not in {"-h", "--help"}:
            name, given, _ = word.partition("=")
            assert name in options, f"{page}: {line}: there is no {name}"
            if not given and not options[name].is_flag and words:
                words.pop()
        else:
            positional += 1
    arguments = [argument for argument in command.params if isinstance(argument, click.Argument)]
    assert positional <= len(arguments) or any(argument.nargs < 0 for argument in arguments), f"{page}: {line}"


def test_there_are_such_command_lines() -> None:
    assert len(_lines("finfleet")) > 30


@pytest.mark.parametrize(("page", "line"), sorted(_lines("make")))
def test_make_knows_its_targets(page: str, line: str) -> None:
    target = line.split()[1]
    assert re.search(rf"^{target}:", _MAKEFILE, re.MULTILINE), page


def test_files_that_are_linked_are_there() -> None:
    for page in _PAGES:
        for link in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
            if "://" not in link:
                assert (page.parent / link).exists(), f"{page.name}: {link}"
