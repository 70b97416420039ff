"""A layout says what the columns of a provider's files are in a CostLine. It is made for the columns that are there.

Expressions are SQL of DuckDB over text. A file may have two columns whose names differ in their case only, which SQL
takes for one: so expressions never have names of columns in them, but what :class:`Columns` gives for them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

NOTHING = "NULL"
"""The expression of what is not there."""


class Columns:
    """The columns of all files of a delivery, and their expressions. Keeps which were asked for: no others are read."""

    def __init__(self, names: Iterable[str]) -> None:
        """``names`` in the order in which they were found; a second one of the same name is the first."""
        self.names: tuple[str, ...] = tuple(dict.fromkeys(names))
        #: Places of those that were asked for.
        self.used: set[int] = set()
        self._places = {name: place for place, name in enumerate(self.names)}
        self._folded: dict[str, int] = {}
        for place, name in enumerate(self.names):
            self._folded.setdefault(name.lower(), place)

    def __contains__(self, name: object) -> bool:
        """Whether there is a column of this name, whatever its case."""
        return isinstance(name, str) and self._find(name) is not None

    def text(self, *names: str) -> str:
        """Text of the first of these columns that tells something, or NOTHING. Empty text is null.

        Names are matched exactly, and where that finds none without regard to case.
        """
        found = dict.fromkeys(place for name in names if (place := self._find(name)) is not None)
        self.used.update(found)
        if not found:
            return NOTHING
        parts = [f"c{place}" for place in found]
        return parts[0] if len(parts) == 1 else f"coalesce({', '.join(parts)})"

    def unused(self) -> tuple[str, ...]:
        """The names that nobody has asked for so far, in their order."""
        return tuple(name for place, name in enumerate(self.names) if place not in self.used)

    def places_of(self, names: Sequence[str]) -> dict[int, int]:
        """By the places of columns here, where a table with these names has them."""
        exact = {self._places[name]: place for place, name in enumerate(names) if name in self._places}
        cased = {
            found: place
            for place, name in enumerate(names)
            if name not in self._places and (found := self._folded.get(name.lower())) is not None
        }
        return cased | exact

    def _find(self, name: str) -> int | None:
        place = self._places.get(name)
        return self._folded.get(name.lower()) if place is None else place


def columns_of(tables: Iterable[Sequence[str]]) -> Columns:
    """The columns of all these tables.

    What one of them writes in another case is the same column (``BilledCost``, ``BILLEDCOST``), unless it has both.
    """
    found: dict[str, None] = {}
    folded: set[str] = set()
    for names in tables:
        own = Counter(name.lower() for name in names)
        new = [name for name in names if own[name.lower()] > 1 or name.lower() not in folded]
        found.update(dict.fromkeys(new))
        folded.update(own)
    return Columns(found)


def quoted(text: str) -> str:
    """``text`` as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Expressions over ``Columns``. Each is text, unless it says something else."""

    #: ChargePeriodStart and ChargePeriodEnd: any text of a time (ISO 8601, ``05/31/2026``); without a zone it is UTC.
    #: No end, or one that is not after the start: the charge is of its hour, or its day.
    start: str
    end: str = NOTHING
    #: ISO 4217, in capitals.
    currency: str
    #: By names of text fields of CostLine (telemetry.costs.TEXTS): what lines are told apart by.
    fields: Mapping[str, str]
    #: By names of amounts of CostLine (telemetry.costs.NUMBERS, quantities too): what is summed.
    numbers: Mapping[str, str]
    #: Further sums, for CostLine.amounts, by their names.
    amounts: Mapping[str, str] = field(default_factory=dict)
    #: Tags as one JSON object, or as columns by the names of the tags, or both (the columns count).
    tags: str = NOTHING
    tag_columns: Mapping[str, str] = field(default_factory=dict)
    #: For CostLine.details, by their names. They tell lines apart, too.
    details: Mapping[str, str] = field(default_factory=dict)
    #: ``true`` or ``false`` in text, or null: CostLine.estimated.
    estimated: str = NOTHING
    #: A condition: rows for which it is not true are counted as read, and are no lines.
    only: str = "TRUE"


LayoutFor = Callable[[Columns], Layout]
"""Makes a layout for the columns that there are; CollectionFailed where one is missing that has to be there."""
