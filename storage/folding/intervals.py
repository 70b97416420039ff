"""Rates that hold without a break as intervals, and new ones over them: no database here.

A chain is the rates of one resource and month with the same period and phase (the start, modulo the period): they never
overlap, they follow each other or leave a gap. An interval stands for the rates of its chain that begin in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from itertools import groupby
from typing import NamedTuple

Chain = tuple[int, int, int, date]
"""resource_id, period and phase in seconds, the first day of the month in UTC."""


class Interval(NamedTuple):
    """Contiguous rates of one chain that are the same; half-open."""

    chain: Chain
    start: datetime
    until: datetime
    amount: Decimal
    currency: str
    basis: str
    resource_type: str

    @property
    def value(self) -> tuple[object, ...]:
        """What holds: of an amount every digit counts, and that it has a zero at its end."""
        return (self.amount.as_tuple(), self.currency, self.basis, self.resource_type)

    @property
    def identity(self) -> tuple[object, ...]:
        """What tells it from any other one: 1.0 and 1.00 are equal, and not the same."""
        return (self.chain, self.start, self.until, self.value)


def overlay(known: Iterable[Interval], new: Iterable[Interval]) -> list[Interval]:
    """Intervals that say what ``new`` says where it says something, and what ``known`` says elsewhere.

    As few as can be: what touches and is the same is one; a gap stays a gap. Within each of the two none overlaps
    another of its chain.
    """
    over = _by_chain(new)
    left = [
        piece for chain, intervals in _by_chain(known).items() for piece in _without(intervals, over.get(chain, ()))
    ]
    pieces = _by_chain([*left, *(one for intervals in over.values() for one in intervals)])
    return [one for chain in sorted(pieces) for one in _merged(pieces[chain])]


def _by_chain(intervals: Iterable[Interval]) -> dict[Chain, list[Interval]]:
    ordered = sorted(intervals, key=lambda one: (one.chain, one.start))
    return {chain: list(found) for chain, found in groupby(ordered, key=lambda one: one.chain)}


def _without(intervals: Sequence[Interval], over: Sequence[Interval]) -> Iterable[Interval]:
    """What is left of these where those lie over them; both sorted."""
    first = 0
    for one in intervals:
        while first < len(over) and over[first].until <= one.start:
            first += 1
        rest: Interval | None = one
        for cut in over[first:]:
            if rest is None or cut.start >= rest.until:
                break
            if cut.start > rest.start:
                yield rest._replace(until=cut.start)
            rest = rest._replace(start=cut.until) if cut.until < rest.until else None
        if rest is not None:
            yield rest


def _merged(intervals: Sequence[Interval]) -> list[Interval]:
    merged: list[Interval] = []
    for one in intervals:
        last = merged[-1] if merged else None
        if last is not None and last.until == one.start and last.value == one.value:
            merged[-1] = last._replace(until=one.until)
        else:
            merged.append(one)
    return merged
