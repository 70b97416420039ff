"""The columns of Cost and Usage Reports by one name each, those of CUR 2.0, however a file spells them.

``lineItem/UsageStartDate`` of a CSV and ``line_item_usage_start_date`` of a Parquet file are one column.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from agents.core.bills.layouts import NOTHING, Columns, quoted

NEVER = "FALSE"
_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z])")
_ODD = re.compile(r"[^a-z0-9]+")
_ALIASES = {
    "reservation_reservation_arn": "reservation_reservation_a_r_n",
    "savings_plan_savings_plan_arn": "savings_plan_savings_plan_a_r_n",
    "product_region": "product_region_code",
}
_TAGS = ("resourceTags/user:", "resourceTags/", "resource_tags_user_", "resource_tags_")
_CATEGORIES = ("costCategory/", "cost_category_")
"""How the names of columns begin that are one tag, or one cost category, each."""


def canonical(name: str) -> str:
    """The name of CUR 2.0 for a column: ``reservation_reservation_a_r_n`` for ``reservation/ReservationARN``."""
    category, slash, own = name.partition("/")
    parts = (category, own) if slash else (name,)
    return _ODD.sub("_", "_".join(_WORDS.sub("_", part) for part in parts).lower()).strip("_")


class CurColumns:
    """Expressions for the columns of a Cost and Usage Report that are there, by the names of CUR 2.0."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._names: dict[str, list[str]] = {}
        for name in columns.names:
            own = canonical(name)
            for key in dict.fromkeys((own, _ALIASES.get(own, own))):
                self._names.setdefault(key, []).append(name)

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def text(self, *names: str) -> str:
        """Text of the first of these columns that tells something, or NULL."""
        found = [actual for name in names for actual in self._names.get(name, ())]
        return self._columns.text(*found) if found else NOTHING

    def tags(self) -> dict[str, str]:
        """The columns that are a tag each, by its key."""
        return self._beginning(_TAGS)

    def cost_categories(self) -> dict[str, str]:
        """The columns that are a cost category each, by ``CostCategory.`` and its name."""
        return {f"CostCategory.{name}": one for name, one in self._beginning(_CATEGORIES).items()}

    def _beginning(self, starts: Sequence[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for name in self._columns.names:
            start = next((start for start in starts if name.startswith(start)), None)
            if start is not None and (key := name.removeprefix(start)):
                found.setdefault(key, self._columns.text(name))
        return found


def entry(whole: str, *keys: str) -> str:
    """Text of an entry of what is a map; NULL where it is no map, or has none of these."""
    if whole == NOTHING:
        return NOTHING
    paths = (quoted("$." + json.dumps(key)) for key in keys)
    found = ", ".join(f"NULLIF(json_extract_string({whole}, {path}), '')" for path in paths)
    return f"CASE WHEN json_valid({whole}) THEN COALESCE({found}, NULL) END"


def first(*expressions: str) -> str:
    """The first that tells something."""
    told = [one for one in dict.fromkeys(expressions) if one != NOTHING]
    return f"COALESCE({', '.join(told)})" if len(told) > 1 else next(iter(told), NOTHING)


def by_type(kind: str, cases: Mapping[tuple[str, ...], str], otherwise: str = NOTHING) -> str:
    """One expression for each kind of line, and another for those that are not named."""
    needed = [(", ".join(map(quoted, kinds)), then) for kinds, then in cases.items() if then != otherwise]
    told = "".join(f" WHEN {kind} IN ({kinds}) THEN {then}" for kinds, then in needed)
    return f"CASE{told} ELSE {otherwise} END" if told else otherwise


def either(condition: str, then: str, otherwise: str = NOTHING) -> str:
    """One of two expressions."""
    if then == otherwise or condition == NEVER:
        return otherwise
    return f"CASE WHEN {condition} THEN {then} ELSE {otherwise} END"
