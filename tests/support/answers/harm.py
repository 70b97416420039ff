"""A place in an answer, and what can be done to it."""

import re
from dataclasses import dataclass
from typing import Any

Path = tuple[str | int, ...]

DROP, TWICE = "drop", "twice"
_NUMBER = re.compile(r"\s*[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?\s*|[0-9]{4}-[0-9]{2}(?:-[0-9]{2}.*)?")


@dataclass(frozen=True)
class Place:
    """A field of an answer. `items` are the paths of the items of lists that it lies in, the innermost last."""

    path: Path
    #: The path without numbers: what is of one shape in many items is one kind of field.
    shape: str
    items: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Harm:
    """`drop` takes a field away, `twice` puts it there twice, anything else is put in its place."""

    name: str
    value: Any = None
    #: Whether a number or a flag is put in the place of another one: other numbers come of it, by right.
    number: bool = False
    #: Whether a word is put in the place of another one, which may well be that of something else.
    word: bool = False
    #: Whether the rest is as it should be, so that nobody can know that there was more: an item of a list is gone.
    quiet: bool = False

    @property
    def takes_away(self) -> bool:
        """Whether nothing stays that could be called odd: an absent field is no fault by itself."""
        return self.value is None or self.value in ("", [], {})


def is_number(value: Any) -> bool:
    """Whether it says how much or when: a number, also one that is written as a text, or a date."""
    if isinstance(value, str):
        return _NUMBER.fullmatch(value) is not None
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_flag(value: Any) -> bool:
    """Whether it says yes or no."""
    return isinstance(value, bool) or value in ("true", "false")


def replacing(former: Any, value: Any) -> Harm:
    """Put `value` in the place of what was there."""
    number = is_number(former) and is_number(value)
    changed = number or (is_flag(former) and is_flag(value))
    word = not changed and isinstance(former, str) and isinstance(value, str) and value != ""
    return Harm(repr(value)[:20], value, number=changed, word=word, quiet=isinstance(former, list) and value == [])
