"""Keeps secrets out of texts: the values that were configured, and whatever looks like one.

A last line of defence. The first is that secrets are SecretStr, and never formatted. A known secret is masked in the
forms, too, in which it gets into texts: escaped by repr or JSON, in a URL, in base64, and broken into lines.
"""

from __future__ import annotations

import json
import re
import threading
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

from telemetry.text import shown

MASK = "********"
_SHORT = 6
"""A shorter secret is masked only where it stands alone: it would blank out parts of ordinary words."""
_SHORTEST = 3
"""What is shorter still can be guessed, and masking it would make every text unreadable."""
_LONG_LINE = 16
"""A line so long of a secret that has several, such as a private key, is masked by itself, too."""
_LONG_BASE64 = 8
_GRANT = re.compile(r"\b1\.\d{9,11}\.[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])")
"""The form of telemetry.grants: whoever reads one could publish a run with it."""
_PATTERNS = (
    _GRANT,
    re.compile(r"(?<=://)[^/\s:@]*:[^/\s@]+(?=@)"),  # user:password in a URL
    re.compile(r"(?i)(?<=bearer )[A-Za-z0-9._~+/=-]{8,}"),
    re.compile(r"(?i)(?<=signature=)[0-9a-f]{32,}"),
    re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?"),  # a JSON web token
)
# Base64, and no ordinary word.
_BASIC = re.compile(r"(?<=[Bb]asic )(?=[A-Za-z+/_-]*(?:[0-9=]|[a-z][A-Z]))[A-Za-z0-9+/=_-]{8,}")
_BREAK = re.compile(r"[ \t]*\r?\n[ \t]*")
_known: set[str] = set()
_ordered: tuple[str, ...] = ()
_lock = threading.Lock()


def remember(secret: str) -> None:
    """Blank out this value in every text from now on."""
    global _ordered  # noqa: PLW0603 - read without the lock: a tuple is replaced as a whole
    forms = {form for form in _forms(secret) if len(form) >= _SHORTEST}
    with _lock:
        if not forms <= _known:
            _known.update(forms)
            # The longest first: one secret may be the beginning of another.
            _ordered = tuple(sorted(_known, key=len, reverse=True))


def redact(text: str) -> str:
    """``text`` with every known secret, and everything that has the form of one, masked."""
    secrets = _ordered
    text = _BASIC.sub(MASK, text)
    for secret in secrets:
        if secret in text:
            text = _mask(text, secret)
    if "\n" in text:
        text = _mask_broken(text, secrets)
    for pattern in _PATTERNS:
        text = pattern.sub(MASK, text)
    return text


def _mask(text: str, secret: str) -> str:
    if len(secret) >= _SHORT:
        return text.replace(secret, MASK)
    return re.sub(rf"(?<![A-Za-z0-9]){re.escape(secret)}(?![A-Za-z0-9])", MASK, text)


def _mask_broken(text: str, secrets: tuple[str, ...]) -> str:
    """Mask secrets that a line break, with the indentation of the next line, stands in."""
    breaks = list(_BREAK.finditer(text))
    joined = _BREAK.sub("", text)
    for secret in secrets:
        whole = _BREAK.sub("", secret)
        while len(whole) >= _SHORT and (found := joined.find(whole)) >= 0:
            text = text[: _place(breaks, found)] + MASK + text[_place(breaks, found + len(whole) - 1) + 1 :]
            breaks = list(_BREAK.finditer(text))
            joined = _BREAK.sub("", text)
    return text


def _place(breaks: list[re.Match[str]], place: int) -> int:
    """Where the character at a place of the joined text is in the text with its breaks."""
    for found in breaks:
        if found.start() > place:
            break
        place += found.end() - found.start()
    return place


def _forms(secret: str) -> set[str]:
    """The forms in which a secret gets into texts."""
    forms: set[str] = set()
    for plain in {secret, secret.strip()}:
        data = plain.encode("utf-8", "surrogatepass")
        escaped = {repr(plain)[1:-1], json.dumps(plain)[1:-1], json.dumps(plain, ensure_ascii=False)[1:-1]}
        quoted = {quote(data), quote(data, safe=""), quote_plus(data)}
        forms |= {plain, shown(plain), *escaped, *quoted, *_base64(data)}
        forms |= {again(form)[1:-1] for form in escaped for again in (repr, json.dumps)}
        forms |= {re.sub("%..", lambda found: found[0].lower(), form) for form in quoted}
    forms.update(line for line in map(str.strip, secret.splitlines()) if len(line) >= _LONG_LINE)
    return forms


def _base64(data: bytes) -> Iterator[str]:
    """What base64 makes of it inside of something longer: the characters that depend on nothing else."""
    for before, affected in enumerate((0, 2, 3)):
        whole = (before + len(data)) * 8 // 6
        for encode in (b64encode, urlsafe_b64encode):
            form = encode(bytes(before) + data).decode()[affected:whole]
            if len(form) >= _LONG_BASE64:
                yield form


def hide_grants(text: str) -> str:
    """``text`` with the planner's grants masked, and nothing else."""
    return _GRANT.sub(MASK, text)
