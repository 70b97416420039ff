"""An answer that somebody is shown: its rows up to a limit, and what has to be said of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from storage.questions import Answer, BadValue, Question


@dataclass
class Told:
    """An answer, a row at a time."""

    answer: Answer
    limit: int | None
    #: None: a statement of somebody's own.
    question: Question | None = None
    since: date | None = None
    until: date | None = None
    #: Names that it was asked with and that no bill has, in words: as long as the answer is open.
    mistyped: Callable[[], list[str]] = list
    #: How many rows there were, and whether there are more: once they are read.
    count: int = 0
    more: bool = field(default=False)

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """As many as the limit allows."""
        for row in self.answer.rows:
            if self.count == self.limit:
                self.more = True
                return
            self.count += 1
            yield row

    @property
    def names(self) -> list[str]:
        """Of the columns."""
        return [column.name for column in self.answer.columns]

    @property
    def only_names(self) -> list[str]:
        """The same, where each has to be the only one of its name; BadValue where one is not."""
        names = self.names
        if twice := [name for name in names if names.count(name) > 1]:
            raise BadValue(f"two columns are called {twice[0]}: name them by AS, or write csv")
        return names

    def notes(self) -> list[str]:
        """What to say beside the rows, once they are read."""
        said = []
        if self.more:
            said.append(f"only the first {self.count:,} rows: --limit for more")
        if self.answer.completeness is not None:
            said.append(str(self.answer.completeness))
        return said

    def about(self) -> dict[str, Any]:
        """What is known before the rows, for a program."""
        columns = [{"name": c.name, "unit": c.unit, "meaning": c.meaning} for c in self.answer.columns]
        told: dict[str, Any] = {}
        if self.question is not None:
            told = {"question": self.question.name, "title": self.question.title, "from": self.since, "to": self.until}
        return {**told, "completeness": self._completeness(), "columns": columns}

    def _completeness(self) -> dict[str, Any] | None:
        found = self.answer.completeness
        if found is None:
            return None
        lacking = [
            {
                "target": one.target,
                "state": one.state,
                "days": one.days,
                "first_day": one.first_day,
                "last_day": one.last_day,
            }
            for one in found.lacking
        ]
        return {
            "is_complete": found.is_complete,
            "days": found.days,
            "complete_days": found.complete_days,
            "untold_days": found.untold_days,
            "lacking": lacking,
        }
