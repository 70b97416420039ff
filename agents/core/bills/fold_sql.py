"""The query that folds: times to days or hours, amounts to sums that lose no digit.

Nearly all amounts are below a thousand and have 24 digits behind the point at the most: these are summed as decimals of
38 digits, which a hundred billion lines cannot overflow. Others are taken apart into a whole number and a fraction, of
28 digits each, which are summed by themselves: ten billion lines cannot overflow these. What does not even fit there,
an amount of 60 digits say, is kept as text, and Python sums it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agents.core.bills.layouts import NOTHING, Layout, quoted
from telemetry.limits import EARLIEST, LATEST

_DATES = "['%m/%d/%Y', '%m/%d/%Y %H:%M', '%m/%d/%Y %H:%M:%S', '%Y%m%d', '%Y%m%dT%H%M%S.%gZ', '%Y-%m-%d %H:%M:%S UTC']"
_EARLIEST, _LATEST = (f"{quoted(one.isoformat())}::TIMESTAMPTZ" for one in (EARLIEST, LATEST))
_LENGTHS = {"daily": 86_400_000_000, "hourly": 3_600_000_000}
_BITS = 60
_PLAIN = "'[+-]?[0-9]{1,28}([.][0-9]{0,28})?'"


@dataclass(frozen=True)
class Plan:
    """The query, and what its columns are, in their order behind start, end, what is wrong, count and first row."""

    query: str
    #: Texts: the names of CostLine's fields, of tags, of details ...
    keys: tuple[str, ...]
    #: Of each four columns: those below a thousand; of others whole parts and fractions; the rest.
    sums: tuple[str, ...]


def plan(layout: Layout, places: Sequence[int], granularity: str) -> Plan:
    """The query over ``source``, which has the columns at these places, and the number ``n`` of each row."""
    keys = _keys(layout)
    sums = {f"number:{name}": one for name, one in layout.numbers.items()}
    sums |= {f"amount:{name}": one for name, one in layout.amounts.items()}
    sums = {name: one for name, one in sums.items() if one != NOTHING}
    told = _told(len(sums))
    count = range(len(sums))
    names = [f"k{place}" for place in range(len(keys))]
    texts = [f"nullif(c{place}, '') AS c{place}" for place in places]
    shaped = ["n", f"({layout.start})::VARCHAR AS a", f"({layout.end})::VARCHAR AS b"]
    shaped += [f"({one})::VARCHAR AS {name}" for name, one in zip(names, keys.values(), strict=True)]
    shaped += [f"({one})::VARCHAR AS x{place}" for place, one in enumerate(sums.values())]
    timed = ["*", f"{moment('a')} AS s", f"{moment('b')} AS e", *map(_cast, count)]
    placed = ["*", f"s - s % {_LENGTHS[granularity]} AS d", *map(_fits, count)]
    split = [
        "n",
        _PERIOD[granularity],
        *(f"{bits} AS {name}" for name, bits in told.items()),
        *names,
        *map(_split, count),
    ]
    query = f"""
        WITH texts AS (SELECT n, {", ".join(texts)} FROM source),
        shaped AS (SELECT {", ".join(shaped)} FROM texts WHERE {layout.only}),
        timed AS (SELECT {", ".join(timed)} FROM shaped),
        placed AS (SELECT {", ".join(placed)} FROM timed),
        split AS (SELECT {", ".join(split)} FROM placed)
        SELECT {", ".join(["s", "e", "bad", "count(*)", "min(n)", *names, *map(_sum, count)])}
        FROM split GROUP BY {", ".join(["s", "e", "bad", *told, *names])}
    """  # noqa: S608 - of our own parts: no name and no value of a file is in it but as a literal of a layout
    return Plan(query, tuple(keys), tuple(sums))


def _keys(layout: Layout) -> Mapping[str, str]:
    keys = {"currency": layout.currency, "estimated": layout.estimated, "tags": layout.tags}
    keys |= {f"field:{name}": one for name, one in layout.fields.items()}
    keys |= {f"tag:{name}": one for name, one in layout.tag_columns.items()}
    keys |= {f"detail:{name}": one for name, one in layout.details.items()}
    return {name: one for name, one in keys.items() if one != NOTHING}


def _told(sums: int) -> Mapping[str, str]:
    """Which amounts a row tells, in bits. Rows that tell one are not summed with rows that do not.

    So a sum is of all of its rows, and one row without an amount does not make the others' unknown.
    """
    return {
        f"t{start}": " + ".join(f"(x{place} IS NULL)::BIGINT * {1 << place - start}" for place in range(start, end))
        for start in range(0, sums, _BITS)
        if (end := min(sums, start + _BITS))
    }


def moment(text: str) -> str:
    """Microseconds since 1970; null where it is no time, or one that no bill has (``infinity``, the year 290000)."""
    known = f"TRY_CAST({text} AS TIMESTAMPTZ), try_strptime({text}, {_DATES}) AT TIME ZONE 'UTC'"
    # Snowflake's own form: 2026-05-01 00:00:00.000 +0000.
    found = f"coalesce({known}, TRY_CAST(regexp_replace({text}, ' (Z|[+-][0-9:]+)$', '\\1') AS TIMESTAMPTZ))"
    return f"CASE WHEN {found} BETWEEN {_EARLIEST} AND {_LATEST} THEN epoch_us({found}) END"


def _period(length: int) -> str:
    """Start and end: those of the day (hour) where the charge is inside one, else its own; and what is no time."""
    inside = f"coalesce(e, s) <= d + {length}"
    return (
        f"CASE WHEN {inside} THEN d ELSE s END AS s, CASE WHEN {inside} THEN d + {length} ELSE e END AS e, "
        "CASE WHEN s IS NULL THEN 'start: ' || coalesce(a, 'nothing') "
        "WHEN e IS NULL AND b IS NOT NULL THEN 'end: ' || b WHEN e < s THEN 'before: ' || b END AS bad"
    )


_PERIOD = {name: _period(length) for name, length in _LENGTHS.items()}


def _cast(place: int) -> str:
    return f"TRY_CAST(x{place} AS DECIMAL(38, 24)) AS v{place}"


def _fits(place: int) -> str:
    v = f"v{place}"
    return f"{v} IS NOT NULL AND {v} > -1000 AND {v} < 1000 AND {_is_exact(f'x{place}', 24)} AS ok{place}"


def _is_exact(x: str, digits: int) -> str:
    """Whether a cast has kept every digit: it rounds what is beyond its places, and takes 1_000 for a number.

    Not whether it has come about at all.
    """
    # 1.5e-07 has three characters before the exponent: two digits at the most are behind the point, and seven more.
    mantissa, exponent = (f"split_part(lower({x}), 'e', {part})" for part in (1, 2))
    power = f"length({mantissa}) - 1 - TRY_CAST({exponent} AS INTEGER) <= {digits}"
    return (
        f"length({x}) <= {digits + 1} AND NOT contains({x}, '_') AND CASE "
        f"WHEN contains({x}, 'e') OR contains({x}, 'E') THEN coalesce({power}, FALSE) ELSE TRUE END"
    )


def _split(place: int) -> str:
    x, v, fits = f"x{place}", f"v{place}", f"ok{place}"
    wide = f"TRY_CAST({x} AS DECIMAL(38, 28))"
    is_wide = f"{wide} IS NOT NULL AND {_is_exact(x, 28)}"
    plain = f"regexp_full_match({x}, {_PLAIN})"
    sign = f"CASE WHEN starts_with({x}, '-') THEN '-0.' ELSE '0.' END"
    fraction = f"CAST({sign} || split_part({x}, '.', 2) || '0' AS DECIMAL(38, 28))"
    return (
        f"CASE WHEN {fits} THEN {v} END AS s{place}"
        f", CASE WHEN {fits} THEN NULL WHEN {is_wide} THEN CAST(trunc({wide}) AS DECIMAL(28, 0)) "
        f"WHEN {plain} THEN CAST(split_part({x}, '.', 1) AS DECIMAL(28, 0)) END AS i{place}"
        f", CASE WHEN {fits} THEN NULL WHEN {is_wide} THEN CAST({wide} - trunc({wide}) AS DECIMAL(38, 28)) "
        f"WHEN {plain} THEN {fraction} END AS f{place}"
        f", CASE WHEN {fits} OR {is_wide} OR {plain} THEN NULL ELSE n || ' ' || {x} END AS r{place}"
    )


def _sum(place: int) -> str:
    rest = f"list(r{place}) FILTER (WHERE r{place} IS NOT NULL)"
    return f"sum(s{place}), sum(i{place}), sum(f{place}), {rest}"
