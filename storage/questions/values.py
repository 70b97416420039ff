"""What a question is asked with: read from text, checked, and bound. Nothing of it becomes a part of a statement."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from storage.errors import StorageError
from storage.questions.files import Question, Threshold
from telemetry.closest import did_you_mean

_DATE = re.compile(r"(20\d\d|19\d\d)-(0[1-9]|1[0-2])(?:-(0[1-9]|[12]\d|3[01]))?")
_LONGEST = 500
_CURRENCY = re.compile(r"[A-Z]{3}")
_NUMBER = re.compile(r"[0-9]{1,20}(?:\.[0-9]{1,20})?|\.[0-9]{1,20}")
"""Nothing of what thresholds bound is below zero, or larger."""
_MONTHS = 12


class BadValue(StorageError):
    """A question cannot be asked with a value; it names the value, and how to write it."""


@dataclass(frozen=True, slots=True)
class Given:
    """What somebody asks with, as text; empty where it is the usual."""

    #: A day or a month: 2026-10-01, 2026-10. The first is included ...
    since: str = ""
    #: ... and this one is not.
    until: str = ""
    by: str = ""
    #: KEY or KEY=VALUE.
    tag: str = ""
    account: str = ""
    provider: str = ""
    currency: str = ""
    thresholds: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Values:
    """What a question is asked with."""

    #: The days that it is about, half-open.
    since: date
    until: date
    #: All that is bound, by name.
    bound: Mapping[str, Any]


def values_of(question: Question, given: Given, today: date) -> Values:
    """What to bind; BadValue where something of it makes no sense, or is not taken by this question.

    ``today``: up to which a question goes that nobody says an end of, the day itself not included.
    """
    since, until = _days(question, given, today)
    key, _, value = given.tag.partition("=")
    own = {one.name: _threshold(one, given.thresholds.get(one.name, "")) for one in question.thresholds}
    if unknown := sorted(given.thresholds.keys() - own.keys()):
        raise BadValue(f"{question.name} has no threshold {unknown[0]!r}: {did_you_mean(unknown[0], own)}")
    common: dict[str, Any] = {
        "from": since,
        "to": until,
        "by": _by(question, given.by),
        "tag": _text("tag", key) or question.tag or None,
        "tag_value": _text("tag", value) if "=" in given.tag else None,
        "account": _text("account", given.account) or None,
        "provider": _text("provider", given.provider) or None,
        "currency": _currency(given.currency),
    }
    _check_taken(question, given)
    return Values(since, until, {name: common[name] for name in question.takes} | own)


def _days(question: Question, given: Given, today: date) -> tuple[date, date]:
    until = _date("to", given.until) if given.until else today
    since = _date("from", given.since) if given.since else _back(until, *question.span)
    if since >= until:
        raise BadValue(f"from {since} to {until} is no time: from is included and to is not, so to has to be later")
    return since, until


def _back(until: date, count: int, unit: str) -> date:
    if unit == "days":
        return until - timedelta(days=count)
    last = until - timedelta(days=1)
    months = last.year * _MONTHS + last.month - count
    return date(months // _MONTHS, months % _MONTHS + 1, 1)


def _date(name: str, text: str) -> date:
    found = _DATE.fullmatch(text)
    try:
        if found is not None:
            return date(int(found[1]), int(found[2]), int(found[3] or 1))
    except ValueError:
        pass
    raise BadValue(f"{name} {text[:40]!r}: write a day or a month, such as 2026-10-01 or 2026-10")


def _by(question: Question, given: str) -> str | None:
    if not given:
        return question.by[0] if question.by else None
    if not question.by:
        raise BadValue(f"{question.name} is not asked by anything: leave by ({given[:40]!r}) out")
    if given not in question.by:
        raise BadValue(f"{question.name} is not asked by {given[:40]!r}: {did_you_mean(given, question.by)}")
    return given


def _text(name: str, text: str) -> str:
    if len(text) > _LONGEST or not is_text(text):
        raise BadValue(f"{name} {text[:40]!r} ... is longer than {_LONGEST} characters, or has what is no character")
    return text


def is_text(text: str) -> bool:
    """Whether Postgres takes it: of a command line it may have bytes that are no character."""
    return not any(one == "\0" or "\ud800" <= one <= "\udfff" for one in text)


def _currency(text: str) -> str | None:
    if text and not _CURRENCY.fullmatch(text):
        raise BadValue(f"currency {text[:40]!r}: write three capital letters, such as USD; nothing is converted")
    return text or None


def _threshold(of: Threshold, text: str) -> Decimal | str:
    if not text:
        return of.default
    if isinstance(of.default, str):
        return _text(of.name, text)
    if not _NUMBER.fullmatch(text):
        raise BadValue(f"threshold {of.name} {text[:40]!r}: write a number, such as 5 or 0.5; {of.meaning}")
    return Decimal(text)


def _check_taken(question: Question, given: Given) -> None:
    asked = {"from": given.since, "account": given.account, "provider": given.provider, "currency": given.currency}
    for name, text in asked.items():
        if text and name not in question.takes:
            raise BadValue(f"{question.name} takes no {name}: it takes {_taken(question)}")
    if not given.tag:
        return
    if not question.filters_by_tag:
        raise BadValue(f"{question.name} takes no tag: it takes {_taken(question)}")
    if not question.tag and "=" not in given.tag:
        raise BadValue(f"tag {given.tag[:40]!r}: {question.name} is not asked by a tag; name a value, as in team=shop")


def _taken(question: Question) -> str:
    names: list[str] = [
        name for name in ("from", "to", "by", "account", "provider", "currency") if name in question.takes
    ]
    names += ["tag"] if question.filters_by_tag else []
    return ", ".join(names + [one.name for one in question.thresholds])
