"""Records as a provider gives them, made to fit into a message: what cannot be kept is left out, and counted.

The limits are far above what a cloud lets a resource have (AWS and Azure 50 tags, Google 64 labels). Kubernetes and
services of other distributions know no limit, and one odd resource must not cost a window its other records.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from operator import attrgetter
from typing import TypeVar

from msgspec.structs import replace

from telemetry.costs import TEXTS, CostLine
from telemetry.faults import are_short, size_of
from telemetry.limits import MAX_RECORD, MAX_TAGS, MAX_TEXT
from telemetry.recommendations import TEXTS as RECOMMENDED
from telemetry.recommendations import Recommendation
from telemetry.records import AttributeValue, Resource

TAGS_LEFT_OUT = "tags_left_out"
ATTRIBUTES_LEFT_OUT = "attributes_left_out"
_SHARE = MAX_RECORD // 3
"""Bytes for the tags, and for the attributes, of one record."""
_FEW = 50
_SHORT = 300
"""So few texts of so few characters fit without being counted one by one."""

_texts_of = attrgetter(*TEXTS)
_recommended = attrgetter(*RECOMMENDED)

V = TypeVar("V", bound=AttributeValue)


def fit_text(text: str, limit: int = MAX_TEXT) -> str:
    """The text, or as much of it as can be kept."""
    if len(text) <= limit and text.isascii() and "\x00" not in text:
        return text
    return text.encode("utf-8", "replace").decode().replace("\x00", "")[:limit]


def fit_resource(resource: Resource) -> Resource:
    """The resource itself, or one without what cannot be kept; attributes say how much was left out."""
    kind, name = fit_text(resource.type), fit_text(resource.name)
    if kind != resource.type or name != resource.name:
        resource = replace(resource, type=kind, name=name)
    if _fits(resource.tags) and _fits(resource.attributes):
        return resource
    tags = _kept(resource.tags, MAX_TAGS)
    attributes: dict[str, AttributeValue] = _kept(resource.attributes, MAX_TAGS - 2)
    counts = {
        TAGS_LEFT_OUT: len(resource.tags) - len(tags),
        ATTRIBUTES_LEFT_OUT: len(resource.attributes) - len(attributes),
    }
    return replace(
        resource, tags=tags, attributes=attributes | {name: count for name, count in counts.items() if count}
    )


def fit_line(line: CostLine) -> CostLine:
    """The line itself, or one without the tags that cannot be kept; a tag says how many those were.

    Of its other texts as much is kept as can be: what was charged is charged, whatever it is called.
    """
    texts = _texts_of(line)
    if not _are_plain(texts):
        line = replace(line, **dict(zip(TEXTS, map(fit_text, texts), strict=True)))
    if line.details and not _fits(line.details):
        line = replace(line, details=_kept(line.details, MAX_TAGS))
    if not line.tags or _fits(line.tags):
        return line
    tags = _kept(line.tags, MAX_TAGS - 1)
    left_out = len(line.tags) - len(tags)
    return replace(line, tags=tags | {TAGS_LEFT_OUT: str(left_out)}) if left_out else line


def fit_recommendation(one: Recommendation) -> Recommendation:
    """The recommendation itself, or one with as much of its texts, tags and details as can be kept."""
    texts = _recommended(one)
    if not _are_plain(texts):
        fitted = dict(zip(RECOMMENDED, map(fit_text, texts), strict=True))
        one = replace(one, **(fitted | {"recommendation_id": one.recommendation_id}))
    for name in ("tags", "details"):
        entries: dict[str, str] = getattr(one, name)
        if entries and not _fits(entries):
            one = replace(one, **{name: _kept(entries, MAX_TAGS)})
    return one


def _fits(entries: Mapping[str, AttributeValue]) -> bool:
    texts = [*entries, *[value for value in entries.values() if isinstance(value, str)]]
    together = "".join(texts)
    # Where all of it is short, each of it is.
    short = len(together) <= _SHORT or max(map(len, texts)) <= _SHORT
    plain = together.isascii() and "\x00" not in together
    return len(entries) <= _FEW and short and plain and all(map(_is_kept, entries.values()))


def _are_plain(texts: tuple[str, ...]) -> bool:
    together = "".join(texts)
    return len(together) <= MAX_TEXT and together.isascii() and "\x00" not in together


def _is_kept(value: AttributeValue) -> bool:
    """Whether a number is one of at most 64 bits; whatever else it is, it is none of these."""
    if isinstance(value, int):
        return -(2**63) <= value < 2**64
    return not isinstance(value, float) or math.isfinite(value)


def _kept(entries: Mapping[str, V], most: int) -> dict[str, V]:
    """The first of them by name that can be kept, in their order."""
    room = _SHARE
    kept: set[str] = set()
    for key in sorted(entries):
        value: AttributeValue = entries[key]
        texts = [key, value] if isinstance(value, str) else [key]
        size = size_of(texts)
        if not _is_kept(value):
            continue
        if len(kept) < most and size <= room and are_short(texts, MAX_TEXT) and _is_unicode(texts):
            kept.add(key)
            room -= size
    return {key: value for key, value in entries.items() if key in kept}


def _is_unicode(texts: list[str]) -> bool:
    try:
        "".join(texts).encode()
    except UnicodeEncodeError:  # half a character
        return False
    return True
