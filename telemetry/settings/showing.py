"""How much of a value of the configuration a message shows: never what may be a secret in the wrong place."""

from __future__ import annotations

import math
import re
from collections import Counter

from telemetry.redact import MASK

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
_PLAIN = re.compile(r"[+-]?[\d.,:_]*|[A-Za-z]+|(?:\d+\s*[A-Za-z]{1,7})+|\d{4}-\d\d-\d\d\S{0,15}")
"""A number, a word, numbers with their units, a date."""


def may_be_shown(text: str, *, is_text: bool) -> bool:
    """Whether a value may be shown as it is. ``is_text``: a text belongs there, so that it may be longer and odder."""
    text = _REFERENCE.sub("", text)  # the names of variables may be shown
    if _NUMBER.fullmatch(text):
        return True
    if _KEYS.search(text):
        return False
    if not is_text:
        # What is no number, word or date there was meant for somewhere else.
        return len(text) <= _SHORT and all(_PLAIN.fullmatch(word) for word in text.split())
    return not any(_is_made_up(token) for token in _TOKEN.findall(text))


def masked(text: str, *, is_text: bool) -> str:
    """The value, or a mask in the place of it."""
    return text if may_be_shown(text, is_text=is_text) else MASK


def _is_made_up(token: str) -> bool:
    """Letters and digits in no order: a key, and no name."""
    if len(token) < _LONG or token.isdigit() or (token.isalpha() and (token.islower() or token.isupper())):
        return False
    if not (any(map(str.isdigit, token)) or (any(map(str.isupper, token)) and any(map(str.islower, token)))):
        return False
    entropy = -sum(n / len(token) * math.log2(n / len(token)) for n in Counter(token).values())
    return entropy > _ENTROPY
