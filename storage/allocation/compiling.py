"""Rules as SQL: which rule of each dimension finds an owner for a line, and who may share it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec
from psycopg import sql

from storage.allocation.model import Dimension, Rule, Rules, Shared, Where
from storage.allocation.patterns import UNALLOCATED, as_like, folded, folded_key

_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "accounts": ("c.sub_account_id", "c.sub_account_name", "c.account"),
    "services": ("c.service_name",),
    "regions": ("c.region_id",),
    "resources": ("c.resource_id",),
    "names": (r"regexp_replace(c.resource_id, '^.*[/:]', '')",),
}
"""Where the patterns of a condition look."""


class Slot(NamedTuple):
    """A key whose value is looked for in the tags of each line."""

    key: str
    #: Whose owners the values are; empty: they are only compared with patterns.
    dimension: str = ""


class Compiled:
    """One version of the rules, as parts of statements."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.slots = list(dict.fromkeys(_slots(rules)))
        self._place = {slot: number for number, slot in enumerate(self.slots, 1)}

    def told(self, provider: str, tags: Mapping[str, object]) -> list[str | None]:
        """What these tags say of each slot."""
        values = {key: value for key in sorted(tags) if (value := folded(str(tags[key] or "")))}
        by_key: dict[str, str] = {}
        for key, value in values.items():
            by_key.setdefault(folded_key(key), value)
        return [self._value(slot, provider, values, by_key) for slot in self.slots]

    def _value(self, slot: Slot, provider: str, values: Mapping[str, str], by_key: Mapping[str, str]) -> str | None:
        """Of keys that differ in spelling alone, the one that is written as the rules write it comes first."""
        spellings = self.rules.keys_of(slot.key, provider)
        found = (values.get(key) or by_key.get(folded_key(key)) for key in spellings)
        value = next(filter(None, found), None)
        if value is None or not slot.dimension:
            return value
        owner = self.rules.owner(slot.dimension, value)
        # The name of what nobody owns is no owner.
        return None if owner == UNALLOCATED else owner

    @property
    def rule_numbers(self) -> sql.Composable:
        """By dimension, the number of the first rule that finds an owner by the line itself; null: none does."""
        return _array("int", (self._case(d, lambda number, _d, _r: sql.Literal(number)) for d in self.rules.dimensions))

    @property
    def found(self) -> sql.Composable:
        """By dimension, that owner."""
        return _array("text", (self._case(dimension, self._owner) for dimension in self.rules.dimensions))

    @property
    def shared(self) -> sql.Composable:
        """By dimension, the number of the shared costs that the line is of, those that come before rules first."""
        return _array("int", (self._shared(dimension) for dimension in self.rules.dimensions))

    def by(self, place: int) -> tuple[sql.Composable, sql.Composable]:
        """Of the dimension at a place: which rule finds an owner by a former dimension, and that owner.

        The number of the first one that comes before any that finds an owner by the line itself.
        """
        numbers, owners = [], []
        for number, rule in enumerate(self.rules.dimensions[place].rules):
            if rule.by is None:
                continue
            former = [one.name for one in self.rules.dimensions].index(rule.by)
            known = {
                self.rules.owner(rule.by, key): self.rules.owner(self.rules.dimensions[place].name, value)
                for key, value in rule.values.items()
            }
            condition = sql.SQL(
                "p.owners[{former}] = ANY({known}::text[]) AND coalesce(p.rules[{at}] > {number}, true)"
            ).format(
                former=sql.Literal(former + 1),
                known=sql.Literal(list(known)),
                at=sql.Literal(place + 1),
                number=sql.Literal(number),
            )
            owner = sql.SQL("{known}::jsonb ->> p.owners[{former}]").format(
                known=sql.Literal(msgspec.json.encode(known).decode()), former=sql.Literal(former + 1)
            )
            numbers.append((condition, sql.Literal(number)))
            owners.append((condition, owner))
        return _cases(numbers, "int"), _cases(owners, "text")

    def shared_of(self, place: int) -> list[tuple[int, Shared]]:
        """What is shared in the dimension at a place, by its number."""
        name = self.rules.dimensions[place].name
        return [(number, one) for number, one in enumerate(self.rules.shared) if one.dimension == name]

    def _case(self, dimension: Dimension, told: Callable[[int, Dimension, Rule], sql.Composable]) -> sql.Composable:
        rules = [(number, rule) for number, rule in enumerate(dimension.rules) if rule.by is None]
        return _cases([(self._matches(dimension, rule), told(number, dimension, rule)) for number, rule in rules], "")

    def _owner(self, _number: int, dimension: Dimension, rule: Rule) -> sql.Composable:
        if rule.value is not None:
            return sql.Literal(self.rules.owner(dimension.name, rule.value))
        return self._slot(Slot(rule.tag or "", dimension.name))

    def _matches(self, dimension: Dimension, rule: Rule) -> sql.Composable:
        parts = [] if rule.where is None else list(self._where(rule.where))
        if rule.tag is not None:
            parts.append(sql.SQL("{} IS NOT NULL").format(self._slot(Slot(rule.tag, dimension.name))))
        return sql.SQL(" AND ").join(parts)

    def _shared(self, dimension: Dimension) -> sql.Composable:
        of_it = [(number, one) for number, one in enumerate(self.rules.shared) if one.dimension == dimension.name]
        of_it.sort(key=lambda one: not one[1].before_rules)
        return _cases(
            [(sql.SQL(" AND ").join(self._where(one.where)), sql.Literal(number)) for number, one in of_it], ""
        )

    def _where(self, where: Where) -> Iterator[sql.Composable]:
        if where.providers:
            yield sql.SQL("c.provider = ANY({}::text[])").format(sql.Literal(list(where.providers)))
        for condition, columns in _COLUMNS.items():
            if patterns := getattr(where, condition):
                looked = [_like(sql.SQL(f"lower({column})"), _lowered(patterns)) for column in columns]
                yield sql.SQL("({})").format(sql.SQL(" OR ").join(looked))
        if where.categories:
            yield sql.SQL("c.charge_category = ANY({}::text[])").format(
                sql.Literal([one.value for one in where.categories])
            )
        for key, patterns in where.tags.items():
            yield _like(self._slot(Slot(key)), [sql.Literal(as_like(folded(one))) for one in patterns])

    def _slot(self, slot: Slot) -> sql.Composable:
        return sql.SQL("t.told[{}]").format(sql.Literal(self._place[slot]))


def _slots(rules: Rules) -> Iterator[Slot]:
    for dimension in rules.dimensions:
        for rule in dimension.rules:
            if rule.tag is not None:
                yield Slot(rule.tag, dimension.name)
            if rule.where is not None:
                yield from map(Slot, rule.where.tags)
    for shared in rules.shared:
        yield from map(Slot, shared.where.tags)


def _lowered(patterns: Sequence[str]) -> list[sql.Composable]:
    """By the database, as what they are compared with: it may know fewer letters than Python does."""
    return [sql.SQL("lower({})").format(sql.Literal(as_like(one))) for one in patterns]


def _like(of: sql.Composable, patterns: Sequence[sql.Composable]) -> sql.Composable:
    return sql.SQL("{} LIKE ANY(ARRAY[{}]::text[])").format(of, sql.SQL(", ").join(patterns))


def _cases(cases: Sequence[tuple[sql.Composable, sql.Composable]], kind: str) -> sql.Composable:
    cast = sql.SQL(f"::{kind}") if kind else sql.SQL("")
    if not cases:
        return sql.SQL("NULL{}").format(cast)
    whens = [sql.SQL("WHEN {} THEN {}").format(condition, then) for condition, then in cases]
    return sql.SQL("(CASE {} END){}").format(sql.SQL(" ").join(whens), cast)


def _array(kind: str, parts: Iterator[sql.Composable]) -> sql.Composable:
    return sql.SQL("ARRAY[{}]::{}[]").format(sql.SQL(", ").join(parts), sql.SQL(kind))
