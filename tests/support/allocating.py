"""Allocation once more, as a person would do it by hand: nothing of ours is imported, and amounts are fractions."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

COSTS = ("billed_cost", "effective_cost", "list_cost", "contracted_cost")
Charge = Mapping[str, Any]
Part = tuple[tuple[str | None, ...], str, Mapping[str, Fraction | None]]
"""Owners, currency, amounts."""


def fold(text: str) -> str:
    return " ".join(text.split()).lower()


def fold_key(key: str) -> str:
    key = key.strip().lower().removeprefix("user:")
    return re.sub(r"[-_\s]", "", key)


def glob(pattern: str, text: str) -> bool:
    parts = ["." if one == "?" else ".*" if one == "*" else re.escape(one) for one in pattern.lower()]
    return re.fullmatch("".join(parts), text.lower(), re.DOTALL) is not None


def spelled(keys: Mapping[str, Sequence[str]], key: str) -> list[str]:
    return [one for name, others in keys.items() if fold_key(name) == fold_key(key) for one in others]


class Reference:
    """One version of the rules, as its file has it."""

    def __init__(self, rules: Mapping[str, Any]) -> None:
        self.rules = rules
        self.dimensions = rules["dimensions"]
        self.shared = rules.get("shared", [])

    def owner(self, dimension: str, text: str) -> str:
        spelled: dict[str, str] = {}
        for owner, others in self.rules.get("tags", {}).get("values", {}).get(dimension, {}).items():
            for one in (owner, *others):
                spelled.setdefault(fold(one), owner)
        for one in self.dimensions:
            for rule in one["rules"] if one["name"] == dimension else ():
                for name in (*([rule["value"]] if "value" in rule else []), *rule.get("values", {}).values()):
                    spelled.setdefault(fold(name), name)
        for one in self.shared:
            for name in (*one.get("among", ()), *one.get("shares", ())) if one["dimension"] == dimension else ():
                spelled.setdefault(fold(name), name)
        plain = fold(text)
        return spelled.get(plain, plain)

    def tag(self, charge: Charge, key: str) -> str | None:
        values = {name: fold(value) for name, value in charge["tags"].items() if fold(value)}
        tags = self.rules.get("tags", {})
        spellings = [*spelled(tags.get("providers", {}).get(charge["provider"], {}), key), key]
        for one in (*spellings, *spelled(tags.get("keys", {}), key)):
            if one in values:
                return values[one]
            if others := sorted(name for name in values if fold_key(name) == fold_key(one)):
                return values[others[0]]
        return None

    def takes(self, where: Mapping[str, Any], charge: Charge) -> bool:
        looked = {
            "accounts": [charge["sub_account_id"], charge["sub_account_name"], charge["account"]],
            "services": [charge["service_name"]],
            "regions": [charge["region_id"]],
            "resources": [charge["resource_id"]],
            "names": [re.split("[/:]", charge["resource_id"])[-1]],
        }
        for condition, patterns in where.items():
            if condition in looked and not any(glob(p, text) for p in patterns for text in looked[condition]):
                return False
            if condition == "providers" and charge["provider"] not in patterns:
                return False
            if condition == "categories" and charge["charge_category"] not in patterns:
                return False
            if condition == "tags":
                for key, some in patterns.items():
                    value = self.tag(charge, key)
                    if value is None or not any(glob(fold(one), value) for one in some):
                        return False
        return True

    def allocate(self, charges: Sequence[Charge]) -> list[Part]:
        """The parts, by owners of each dimension, currency and cost."""
        groups: defaultdict[tuple[Any, ...], list[Charge]] = defaultdict(list)
        for charge in charges:
            # What is split is what is shown: charges of one day, account, service, category and owner together.
            direct = tuple(self._direct(charge, one) for one in self.dimensions)
            shared = tuple(self._shared(charge, one["name"]) for one in self.dimensions)
            names = ("day", "provider", "account", "sub_account_id", "service_name", "charge_category", "currency")
            key = (*(charge[name] for name in names), bool(charge["tags"]))
            groups[(*key, direct, shared)].append(charge)
        parts = [
            ((), key[6], {cost: total(one[cost] for one in found) for cost in COSTS}, key[-2], key[-1])
            for key, found in groups.items()
        ]
        for place, dimension in enumerate(self.dimensions):
            parts = list(self._cut(parts, place, dimension))
        return [(owners, currency, amounts) for owners, currency, amounts, _, _ in parts]

    def _direct(self, charge: Charge, dimension: Mapping[str, Any]) -> tuple[int, str] | None:
        for number, rule in enumerate(dimension["rules"]):
            if "by" in rule or not self.takes(rule.get("where", {}), charge):
                continue
            if "value" in rule:
                return number, self.owner(dimension["name"], rule["value"])
            value = self.tag(charge, rule["tag"])
            if value is not None and fold(value) != "unallocated":
                return number, self.owner(dimension["name"], value)
        return None

    def _shared(self, charge: Charge, dimension: str) -> int | None:
        found = [(not one.get("before_rules", False), number) for number, one in enumerate(self.shared)
                 if one["dimension"] == dimension and self.takes(one["where"], charge)]  # fmt: skip
        return min(found)[1] if found else None

    def _by(self, dimension: Mapping[str, Any], owners: Sequence[str | None], first: int | None) -> str | None:
        names = [one["name"] for one in self.dimensions]
        for number, rule in enumerate(dimension["rules"]):
            if first is not None and number > first:
                return None
            if "by" not in rule:
                continue
            former = owners[names.index(rule["by"])]
            known = {self.owner(rule["by"], key): value for key, value in rule["values"].items()}
            if former in known:
                return self.owner(dimension["name"], known[former])
        return None

    def _cut(self, parts: list[Any], place: int, dimension: Mapping[str, Any]) -> Iterator[Any]:
        decided = []
        for owners, currency, amounts, direct, shared in parts:
            first, owner = direct[place] or (None, None)
            by = self._by(dimension, owners, first)
            number = shared[place]
            takes = number is not None and (self.shared[number].get("before_rules") or (by is None and first is None))
            split = number if takes else None
            decided.append((owners, currency, amounts, direct, shared, None if takes else by or owner, split))
        for owners, currency, amounts, direct, shared, owner, split in decided:
            weights = {} if split is None else self._weights(self.shared[split], decided, currency)
            if not weights:
                yield (*owners, owner), currency, amounts, direct, shared
                continue
            cut = {cost: None if one is None else split_amount(one, weights) for cost, one in amounts.items()}
            for name in weights:
                told = {cost: None if one is None else one[name] for cost, one in cut.items()}
                yield (*owners, name), currency, told, direct, shared

    def _weights(self, shared: Mapping[str, Any], decided: Iterable[Any], currency: str) -> dict[str, Fraction]:
        among = {self.owner(shared["dimension"], one) for one in shared.get("among", ())}
        found: defaultdict[str, Fraction] = defaultdict(Fraction)
        if shared["split"] == "fixed":
            for name, share in shared["shares"].items():
                found[self.owner(shared["dimension"], name)] += Fraction(str(share))
        elif shared["split"] == "even":
            present = {owner for *_, owner, split in decided if split is None and owner is not None}
            found.update(dict.fromkeys(among or present, Fraction(1)))
        else:
            cost = shared.get("cost", "billed_cost")
            for _, of, amounts, _, _, owner, split in decided:
                mine = split is None and owner is not None and of == currency and (not among or owner in among)
                if mine and amounts[cost] is not None:
                    found[owner] += amounts[cost]
        return {name: weight for name, weight in found.items() if weight > 0}


def split_amount(amount: Fraction, weights: Mapping[str, Fraction]) -> dict[str, Fraction]:
    """By the largest remainder, in units of 12 digits behind the point, or as many as the amount has."""
    digits = 12
    while (amount * 10**digits).denominator != 1:
        digits += 1
    units, whole = abs(amount) * 10**digits, sum(weights.values())
    exact = {name: units * weight / whole for name, weight in weights.items()}
    shares = {name: one.numerator // one.denominator for name, one in exact.items()}
    left = int(units) - sum(shares.values())
    for name in sorted(weights, key=lambda one: (shares[one] - exact[one], one))[:left]:
        shares[name] += 1
    sign = 1 if amount > 0 else -1
    return {name: Fraction(sign * share, 10**digits) for name, share in shares.items()}


def total(amounts: Iterable[Decimal | None]) -> Fraction | None:
    """Null where none is told."""
    told = [Fraction(one) for one in amounts if one is not None]
    return sum(told, Fraction(0)) if told else None
