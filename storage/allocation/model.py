"""The rules of allocation as an object: what stands in ``config/allocation.yaml``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from itertools import chain
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, PrivateAttr

from storage.allocation.patterns import Owner, Owners, Patterns, Word, Words, folded, folded_key
from telemetry.costs import ChargeCategory
from telemetry.settings.fields import Section, check

_MONTH = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")


def month_of(text: str) -> date:
    """The first day of a month; ValueError where ``text`` is none."""
    found = _MONTH.fullmatch(text)
    if found is None or found[1] == "0000":
        raise ValueError("write a month, such as 2026-01")
    return date(int(found[1]), int(found[2]), 1)


def _month(value: Any) -> Any:
    return month_of(value) if isinstance(value, str) else value


def _first_day(value: date) -> date:
    if value.day != 1:
        raise ValueError("write a month, such as 2026-01: rules hold for whole months")
    return value


def _name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError("lower-case letters, digits and _ only, a letter first, at most 63")
    return value


def _share(value: Any) -> Any:
    # YAML reads 0.1 as a float; its shortest text is what was written.
    return Decimal(str(value)) if isinstance(value, float) else value


Month = Annotated[
    date, BeforeValidator(_month), AfterValidator(_first_day), PlainSerializer(lambda day: f"{day:%Y-%m}")
]
Name = Annotated[str, AfterValidator(_name)]
Share = Annotated[
    Decimal,
    BeforeValidator(_share),
    Field(gt=0, le=1_000_000, max_digits=30, decimal_places=20, allow_inf_nan=False),
    PlainSerializer(str),
]
Categories = Annotated[tuple[ChargeCategory, ...], BeforeValidator(lambda one: (one,) if isinstance(one, str) else one)]


class Where(Section):
    """Which charges: all conditions hold, each by one of its patterns; case does not count."""

    providers: Words = ()
    #: By the id or the name of the billed account, or the name of the configured one.
    accounts: Patterns = ()
    services: Patterns = ()
    regions: Patterns = ()
    #: Whole ids of resources.
    resources: Patterns = ()
    #: What follows the last slash or colon of the id.
    names: Patterns = ()
    categories: Categories = ()
    #: By the key.
    tags: Mapping[Word, Patterns] = {}

    @check
    def _says_something(self) -> None:
        if not any(getattr(self, name) for name in type(self).model_fields):
            raise ValueError("name at least one condition: accounts, services, resources, tags ...")


class Rule(Section):
    """Whose a charge is, in one dimension: by a tag, a fixed owner, or the owner in a former dimension."""

    name: Word | None = None
    tag: Word | None = None
    value: Owner | None = None
    by: Name | None = None
    values: Mapping[Owner, Owner] = {}
    where: Where | None = None

    def label(self, number: int) -> str:
        """How it is named where it counts."""
        if self.name is not None:
            return self.name
        if self.tag is not None:
            return f"tag {self.tag}"
        return f"rule {number}" if self.by is None else f"by {self.by}"

    @check
    def _one_way(self) -> None:
        if sum(one is not None for one in (self.tag, self.value, self.by)) != 1:
            raise ValueError("write exactly one of tag, value and by")
        if self.value is not None and self.where is None:
            raise ValueError("value: say with where which charges it is for")
        if (self.by is not None) != bool(self.values):
            raise ValueError("by and values go together: by: team, values: {payments: CC-1}")
        if self.by is not None and self.where is not None:
            raise ValueError("by: where does not go with it: it takes what has such an owner")


class Dimension(Section):
    """One way to cut the bill: by team, application, cost center. The first rule that finds an owner counts."""

    name: Name
    rules: tuple[Rule, ...] = Field(min_length=1, max_length=2_000)


class Metric(Section):
    """A collected metric that shares are in proportion to."""

    name: Word
    statistic: Word = "average"
    #: In percent: with less of the month collected, nothing is split by it.
    min_coverage: Annotated[Decimal, BeforeValidator(_share), Field(ge=0, le=100), PlainSerializer(str)] = Decimal(95)


class Shared(Section):
    """Charges that several share, and how they are split in one dimension."""

    name: Word
    dimension: Name
    where: Where
    split: Literal["even", "fixed", "spend", "metric"]
    #: Who shares; all that have charges of their own in the month, where it is empty.
    among: Owners = ()
    shares: Mapping[Owner, Share] = {}
    #: Shares are parts of their sum, whatever that is.
    normalise: bool = False
    #: What they spend, where the split is by spend.
    cost: Literal["billed_cost", "effective_cost", "list_cost", "contracted_cost"] = "billed_cost"
    metric: Metric | None = None
    #: Whether it takes charges that a rule has an owner for.
    before_rules: bool = False

    @check
    def _split_is_whole(self) -> None:
        if (self.split == "fixed") != bool(self.shares):
            raise ValueError("shares and split: fixed go together: shares: {payments: 0.6, search: 0.4}")
        if (self.split == "metric") != (self.metric is not None):
            raise ValueError("metric and split: metric go together: metric: {name: requests, statistic: sum}")
        if self.split == "fixed" and self.among:
            raise ValueError("among: leave it out, shares says who shares")
        if self.normalise and not self.shares:
            raise ValueError("normalise: it is for shares alone")
        total = sum(self.shares.values(), Decimal(0))
        if self.shares and not self.normalise and total != 1:
            raise ValueError(f"shares: they add up to {total}, and must be 1 exactly, or write normalise: true")


class Tags(Section):
    """How tags are spelled: case, blanks, ``-`` and ``_`` in keys never count."""

    #: Other spellings of a key.
    keys: Mapping[Word, Words] = {}
    #: The same for one provider alone.
    providers: Mapping[Word, Mapping[Word, Words]] = {}
    #: Other spellings of an owner, by dimension.
    values: Mapping[Name, Mapping[Owner, Words]] = {}

    @check
    def _an_alias_means_one_thing(self) -> None:
        for dimension, owners in self.values.items():
            spelled: dict[str, str] = {}
            for owner, others in owners.items():
                for one in (owner, *others):
                    if spelled.setdefault(folded(one), owner) != owner:
                        raise ValueError(
                            f"values.{dimension}: {one!r} stands for {spelled[folded(one)]!r} and {owner!r}: choose one"
                        )


class Rules(Section):
    """One version of the rules: in force from a month on, until the next one is."""

    effective_from: Month
    tags: Tags = Tags()
    dimensions: tuple[Dimension, ...] = Field(min_length=1, max_length=8)
    shared: tuple[Shared, ...] = Field(default=(), max_length=200)
    _spellings: dict[str, dict[str, str]] = PrivateAttr(default_factory=dict)

    @check
    def _names_are_known(self) -> None:
        names = [one.name for one in self.dimensions]
        faults = [*_twice("dimensions", names), *_twice("shared", [one.name for one in self.shared])]
        for place, dimension in enumerate(self.dimensions):
            faults += [
                f"dimensions[{place}].rules[{number}].by: {rule.by!r} is no dimension before {dimension.name}"
                for number, rule in enumerate(dimension.rules)
                if rule.by is not None and rule.by not in names[:place]
            ]
        known = f"is no dimension; there are {', '.join(names)}"
        faults += [f"shared[{n}].dimension: {s.dimension!r} {known}" for n, s in enumerate(self.shared)
                   if s.dimension not in names]  # fmt: skip
        faults += [f"tags.values: {one!r} {known}" for one in self.tags.values if one not in names]
        if faults:
            raise ValueError("\n".join(faults))

    def owner(self, dimension: str, text: str) -> str:
        """An owner by the one name that it has, however it is spelled: as the rules write it, else in small letters."""
        if dimension not in self._spellings:
            self._spellings[dimension] = {}
            for owner, one in self._written(dimension):
                self._spellings[dimension].setdefault(folded(one), owner)
        plain = folded(text)
        return self._spellings[dimension].get(plain, plain)

    def _written(self, dimension: str) -> Iterator[tuple[str, str]]:
        """The owners that the rules name, with each spelling."""
        for owner, others in self.tags.values.get(dimension, {}).items():
            yield from ((owner, one) for one in (owner, *others))
        rules = [rule for one in self.dimensions if one.name == dimension for rule in one.rules]
        named = [one for rule in rules for one in (rule.value, *rule.values.values()) if one is not None]
        named += [one for shared in self.shared if shared.dimension == dimension
                  for one in (*shared.among, *shared.shares)]  # fmt: skip
        yield from ((one, one) for one in named)

    def keys_of(self, key: str, provider: str) -> list[str]:
        """The spellings of a key with a provider: the first that a tag has counts."""
        more = chain(
            _of_key(self.tags.providers.get(provider, {}), key),
            [key],
            _of_key(self.tags.keys, key),
        )
        return list(dict.fromkeys(more))


class Document(Section):
    """The file."""

    versions: tuple[Rules, ...] = Field(min_length=1, max_length=240)

    @check
    def _one_version_a_month(self) -> None:
        if twice := list(_twice("versions", [f"{one.effective_from:%Y-%m}" for one in self.versions])):
            raise ValueError("\n".join(twice))

    def of(self, month: date) -> Rules | None:
        """The version in force in a month; None before the first."""
        past = [one for one in self.versions if one.effective_from <= month]
        return max(past, key=lambda one: one.effective_from, default=None)


def _of_key(spellings: Mapping[str, tuple[str, ...]], key: str) -> Iterator[str]:
    for name, others in spellings.items():
        if folded_key(name) == folded_key(key):
            yield from others


def _twice(what: str, names: list[str]) -> Iterator[str]:
    yield from (f"{what}: {name!r} is there twice" for name in dict.fromkeys(names) if names.count(name) > 1)
