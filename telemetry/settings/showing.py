"""How much of a value of the configuration a message shows: never what may be a secret in the wrong place."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from telemetry.redact import MASK
from telemetry.text import shown

SHOWN = 60
"""Characters of a key or of a value that a line has."""
_SHORTEST = 8
"""A shorter text is part of ordinary words."""
_SHORT = 16
_LONG = 20
_ENTROPY = 3.2
"""Bits a character: of words and names less, of keys that a machine has made more."""
_KEYS = re.compile(
    r"(?i)(?:^|[^a-z0-9])(?:whsec|sk|pk|rk|xox[a-z]|gh[a-z]|github_pat|glpat|npm|pypi|ya29|AIza|shpat|dop|hf|eyJ)[_.-]?"
    r"[a-z0-9]|(?:AKIA|ASIA)[A-Z0-9]{8,}|-----BEGIN|(?i:passw|secret|token)"
)
_NUMBER = re.compile(r"[+-]?(?:[\d.,_]+(?:e[+-]?\d+)?|inf|nan)", re.IGNORECASE)
_REFERENCE = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}")
_TOKEN = re.compile(r"[A-Za-z0-9+/=_~]+")
_NAME = re.compile(r"[a-z]{1,16}\d{0,2}(?:[-_.][A-Za-z]{0,16}\d{0,2}){0,4}")
"""Of a field, of an account, of a destination: words, whatever they say."""
_PLAIN = re.compile(r"[+-]?[\d.,:_]*|[A-Za-z]+|(?:\d+\s*[A-Za-z]{1,7})+|\d{4}-\d\d-\d\d\S{0,15}")
"""A number, a word, numbers with their units, a date."""


def may_be_shown(text: str, *, is_text: bool) -> bool:
    """Whether a value may be shown as it is. ``is_text``: a text belongs there, so that it may be longer and odder."""
    text = _REFERENCE.sub("", text)  # the names of variables may be shown
    if _NUMBER.fullmatch(text):
        return True
    if (not is_text and len(text) > _SHORT) or _KEYS.search(text):
        return False
    if not is_text:
        # What is no number, word or date there was meant for somewhere else.
        return all(_PLAIN.fullmatch(word) for word in text.split())
    return not any(_is_made_up(token) for token in _TOKEN.findall(text))


def masked(text: str, *, is_text: bool) -> str:
    """The value, or a mask in the place of it."""
    return text if may_be_shown(text, is_text=is_text) else MASK


def secrets_in(document: Any) -> list[str]:
    """The keys and values that may be secrets, as a line may have them, the longest first: a check may quote any."""
    found = {text for text in _texts(document) if not _NAME.fullmatch(text) and not may_be_shown(text, is_text=True)}
    written = {form for text in found for form in (text, text.strip(), f"{text[:1].lower()}{text[1:]}")}
    forms = {form[:end] for text in written for form in (text, shown(text), repr(text)[1:-1]) for end in (None, SHOWN)}
    return sorted((form for form in forms if len(form) >= _SHORTEST), key=len, reverse=True)


def _texts(value: Any) -> Iterator[str]:
    """Every text of a document, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for pair in value.items():
            yield from (text for part in pair for text in _texts(part))
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _is_made_up(token: str) -> bool:
    """Letters and digits in no order: a key, and no name."""
    if len(token) < _LONG or token.isdigit() or (token.isalpha() and (token.islower() or token.isupper())):
        return False
    if not (any(map(str.isdigit, token)) or (any(map(str.isupper, token)) and any(map(str.islower, token)))):
        return False
    entropy = -sum(n / len(token) * math.log2(n / len(token)) for n in Counter(token).values())
    return entropy > _ENTROPY
