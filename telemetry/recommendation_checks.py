"""What makes a recommendation impossible."""

from __future__ import annotations

import json
from collections.abc import Sequence
from operator import attrgetter
from typing import Any, NoReturn

import msgspec

from telemetry import amounts
from telemetry.faults import check_currency, check_key, check_moment, check_size, each_entry, each_text, fail
from telemetry.limits import MAX_INT4
from telemetry.recommendations import AMOUNTS, DOCUMENTS, TEXTS, Recommendation

MAX_DOCUMENT = 64 * 1024
"""Characters of what a provider told as JSON: ten times what an engine of AWS tells of a resource."""
_texts_of = attrgetter(*TEXTS)
_documents_of = attrgetter(*DOCUMENTS)
_amounts_of = attrgetter(*AMOUNTS)


def check_recommendations(recommendations: Sequence[Recommendation]) -> None:
    """Raise InvalidRecord where one is impossible."""
    for index, one in enumerate(recommendations):
        _check(f"recommendations[{index}]", one)


def _check(path: str, one: Recommendation) -> None:
    if not one.recommendation_id:
        fail(f"{path}.recommendation_id", "", "the provider's own id of it")
    texts, documents = _texts_of(one), _documents_of(one)
    each_text(f"{path}.", zip(TEXTS, texts, strict=True))
    each_text(f"{path}.", zip(DOCUMENTS, documents, strict=True), limit=MAX_DOCUMENT)
    check_key(f"{path}.recommendation_id", [one.recommendation_id])
    each_entry(f"{path}.tags", one.tags)
    each_entry(f"{path}.details", one.details)
    check_size(path, [*texts, *documents, *one.tags, *one.tags.values(), *one.details, *one.details.values()])
    for name, document in zip(DOCUMENTS, documents, strict=True):
        if fault := document_fault(document):
            fail(f"{path}.{name}", document[:100], fault)
    for name, amount in zip(AMOUNTS, _amounts_of(one), strict=True):
        if amount is not None and not amounts.is_bounded(amount):
            fail(f"{path}.{name}", amount, amounts.REMEDY)
    if one.currency or any(amount is not None for amount in _amounts_of(one)):
        check_currency(f"{path}.currency", one.currency)
    if one.lookback_days is not None and not 0 <= one.lookback_days <= MAX_INT4:
        fail(f"{path}.lookback_days", one.lookback_days, "a whole number of days, not negative")
    if one.refreshed_at is not None:
        check_moment(f"{path}.refreshed_at", one.refreshed_at)


def document_fault(text: str) -> str:
    """Why Postgres cannot keep this as jsonb; empty where it can."""
    if text == "{}":
        return ""
    try:
        found = parse_document(text)
        written = msgspec.json.encode(found)
    except (ValueError, RecursionError):  # a half of a character (UnicodeEncodeError) among them
        return "a JSON document whose numbers are amounts of at most 100 digits"
    return "no NUL character: Postgres cannot keep one" if b"\\u0000" in written else ""


def parse_document(text: str) -> Any:
    """What a JSON text says, each number with all of its digits; ValueError or RecursionError where it is none."""
    return json.loads(text, parse_float=amounts.parse_amount, parse_int=amounts.parse_amount, parse_constant=_no_number)


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number of JSON")
