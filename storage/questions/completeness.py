"""How complete the bill is of the days that a question is about: no sum over what is missing without saying so."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import psycopg

from storage.questions.files import Question
from storage.questions.values import Values
from storage.sql import load

_SQL = load("questions")
_NAMED = 3


@dataclass(frozen=True, slots=True)
class Lacking:
    """Days of which a target's bill is not complete."""

    target: str
    #: waiting, partial, denied, failed.
    state: str
    days: int
    first_day: date
    last_day: date

    def __str__(self) -> str:
        when = f"{self.first_day}" if self.days == 1 else f"{self.first_day} to {self.last_day}"
        return f"{self.target}: {_days(self.days)} {self.state} ({when})"


@dataclass(frozen=True, slots=True)
class Completeness:
    """Of the days that were asked for."""

    days: int
    #: Those of which the bill of every target that owes one is complete.
    complete_days: int
    #: Days that no target owes a bill of: before the first one, or after today.
    untold_days: int
    lacking: tuple[Lacking, ...]

    @property
    def is_complete(self) -> bool:
        """Whether nothing is known to be missing."""
        return self.complete_days == self.days

    def __str__(self) -> str:
        if self.is_complete:
            return f"complete: the bills of all {_days(self.days)} are there"
        said = [f"NOT COMPLETE: the bills of {self.complete_days} of {_days(self.days)} are whole"]
        if self.untold_days:
            said.append(f"no source tells of {_days(self.untold_days)}")
        said += [str(one) for one in self.lacking[:_NAMED]]
        if len(self.lacking) > _NAMED:
            said.append(f"and {len(self.lacking) - _NAMED} more (finfleet query bill_coverage)")
        return "; ".join(said)


def _days(count: int) -> str:
    return f"{count:,} day{'' if count == 1 else 's'}"


def completeness_of(connection: psycopg.Connection[Any], question: Question, values: Values) -> Completeness:
    """Of the days, provider and account that a question is asked with, and of those that it compares them with."""
    since = values.since - (values.until - values.since) if question.looks_back else values.since
    bound = {"provider": None, "account": None, **values.bound, "from": since, "to": values.until}
    told = connection.execute(_SQL["days"], bound).fetchone()
    complete, owed = told or (0, 0)
    lacking = tuple(Lacking(*row) for row in connection.execute(_SQL["lacking"], bound))
    days = (values.until - since).days
    return Completeness(days, complete, days - owed, lacking)
