"""How a plan is printed: what it comes to and what is not known on top, a line a service, the paid calls by API."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal

from telemetry.terminal import say
from workers.estimates import NEVER_COLLECTED
from workers.fitting_table import print_fitting
from workers.money import bounded, in_bytes, in_words
from workers.output import cell
from workers.paragraphs import say_wrapped
from workers.plan_lines import Group, Line, Sum, groups_of, sum_of

_NAMED = 5
"""Services that the totals name; of more, the table below says which."""
_NUMBERS = frozenset({"targets", "reads/day", "USD/day", "back-fill", "USD once", "calls/day", "calls once"})


def show_plan(lines: Sequence[Line], *, each: bool) -> None:
    """Print it; with ``each`` target, and the calls that are free."""
    groups = groups_of(lines)
    for text in totals(lines, groups):
        say_wrapped(text)
    for text in (*_remarks(groups), *_bytes(lines)):
        say_wrapped(text)
    say()
    if each:
        _show_targets(lines)
    else:
        _show_services(groups)
    paid = [row for row in _calls(lines) if row[2] != "0" or row[4] != "0"]
    free = [row for row in _calls(lines) if row not in paid]
    _show_calls("paid calls", paid)  # those of which nobody knows the price among them
    if each:
        _show_calls("free calls", free)


def totals(lines: Iterable[Line], groups: Iterable[Group]) -> Iterator[str]:
    """What it comes to a day, and once."""
    lines, groups = list(lines), list(groups)
    daily = sum_of((line.usd_per_day, line.bound) for line in lines)
    measured = sum(1 for line in lines if line.basis == "measured")
    by = f", by the last readings of {measured} of {len(lines)} targets" if measured else ""
    yield f"a day: {_total(daily)}{by}" + _which([(one.service, one.a_day.unknown) for one in groups])
    past = [line for line in lines if line.backfill_windows]
    windows = sum(line.backfill_windows for line in past)
    if not windows:
        yield "back-fill once: nothing of the past is waited for"
    else:
        once = sum_of((line.backfill_usd, line.bound) for line in past)
        calls = sum(sum((line.backfill_calls or {}).values()) for line in past)
        known = f"{calls:,} calls, " if not once.unknown else f"at least {calls:,} calls, " if calls else ""
        which = _which([(one.service, one.once.unknown) for one in groups])
        yield f"back-fill once: {windows:,} window{'' if windows == 1 else 's'}, {known}{_total(once)}{which}"


def _total(of: Sum) -> str:
    return in_words(_known(of), of.bound)


def _known(of: Sum) -> Decimal | None:
    """What is known of it; None where that is nothing: a zero would not be true."""
    return of.usd if of.usd or not of.unknown else None


def _which(unknown: Sequence[tuple[str, int]]) -> str:
    """Of which targets it is not known."""
    counts = Counter(dict(unknown))
    if sum(1 for count in counts.values() if count) > _NAMED:
        counts = Counter()
        for service, count in unknown:
            counts[f"{service.partition('/')[0]}/*"] += count
    named = [f"{service} ({count})" if count > 1 else service for service, count in counts.items() if count]
    total = sum(counts.values())
    if not total:
        return ""
    return f"; {total} target{'s' if total > 1 else ''} unknown: {', '.join(named)}"


def _remarks(groups: Iterable[Group]) -> Iterator[str]:
    """Why something is not known; each reason once."""
    reasons: defaultdict[str, list[str]] = defaultdict(list)
    for group in groups:
        for why in dict.fromkeys(line.why for line in group.lines if line.usd_per_day is None):
            reasons[why].append(group.service)
    for why, services in reasons.items():
        yield f"unknown: {why}" if why == NEVER_COLLECTED else f"unknown: {', '.join(services)}: {why}"


def _show_services(groups: Sequence[Group]) -> None:
    print_fitting(
        ("service", "targets", "reads/day", "USD/day", "back-fill", "USD once"),
        [
            (
                one.service,
                f"{len(one.lines):,}",
                _readings(one),
                _cell(one.a_day),
                f"{one.windows:,}" if one.windows else "-",
                _cell(one.once) if one.windows else "-",
            )
            for one in groups
        ],
        droppable=("targets", "reads/day", "back-fill", "USD once"),
        right=_NUMBERS,
    )


def _readings(group: Group) -> str:
    readings = group.readings
    if readings is None:
        return "unknown"
    return f"{readings:,.4g}" if isinstance(readings, float) else f"{readings:,}"


def _cell(of: Sum) -> str:
    return bounded(_known(of), of.bound)


def _show_targets(lines: Sequence[Line]) -> None:
    numbers = ("windows/day", "re-reads/day", "resources", "USD/day")
    columns = ("target", "queue", "interval", *numbers, "by", "once", "calls/day")
    rows = [
        (
            one.target,
            one.queue,
            "when delivered" if one.delivered else cell(one.interval),
            "unknown" if one.windows_per_day is None else cell(one.windows_per_day),
            cell(one.rereads_per_day),
            cell(one.resources),
            bounded(one.usd_per_day, one.bound),
            one.basis,
            f"{one.backfill_windows:,} for {bounded(one.backfill_usd, one.bound)}" if one.backfill_windows else "-",
            _of_line(one),
        )
        for one in lines
    ]
    dropped = ("calls/day", "queue", "interval", "windows/day", "re-reads/day", "once", "resources", "by")
    print_fitting(columns, rows, droppable=dropped, right=numbers)
    for why in dict.fromkeys(
        f"{one.service}: {one.bound}; {one.why}" for one in lines if one.bound and one.why and one.calls_per_day
    ):
        say_wrapped(why)


def _bytes(lines: Iterable[Line]) -> Iterator[str]:
    """What is fetched of files: requests alone do not tell how long it takes, nor what a store takes for traffic."""
    reading = [line for line in lines if line.reads_files]
    if not reading:
        return
    known = [line.bytes_per_day for line in reading if line.bytes_per_day is not None]
    unknown = Counter(line.service for line in reading if line.bytes_per_day is None)
    total = f"{'at least ' if unknown else ''}{in_bytes(sum(known))} a day, by the newest deliveries" if known else ""
    yield "files of bills: " + (total or "bytes unknown") + (_which(list(unknown.items())) if known else "")


def _of_line(line: Line) -> str:
    if line.calls_per_day is None and line.calls_per_delivery:
        return f"a delivery: {' '.join(filter(None, (line.bound, _named(line.calls_per_delivery))))}{_fetched(line)}"
    return ("unknown" if line.calls_per_day is None else _named(line.calls_per_day) or "0") + _fetched(line)


def _fetched(line: Line) -> str:
    if not line.reads_files:
        return ""
    found = line.bytes_per_day if line.calls_per_day is not None else line.bytes_per_delivery
    return ", bytes unknown" if found is None else f", {in_bytes(found)}"


def _named(calls: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {api}" for api, count in calls.items())


def _calls(lines: Iterable[Line]) -> list[tuple[str, str, str, str, str]]:
    """By API: calls and dollars a day, and once."""
    daily: defaultdict[str, list[Decimal]] = defaultdict(lambda: [Decimal(0)] * 4)
    bounds: defaultdict[str, set[str]] = defaultdict(set)
    unpriced: set[str] = set()
    for line in lines:
        if line.usd_per_day is None:
            unpriced |= (line.calls_per_day or {}).keys() - (line.usd_per_day_by_api or {}).keys()
        parts = (
            line.calls_per_day,
            line.usd_per_day_by_api,
            line.backfill_calls,
            line.backfill_usd_by_api,
        )
        for index, part in enumerate(parts):
            for api, value in (part or {}).items():
                daily[api][index] += Decimal(value)
                bounds[api] |= {line.bound} - {""}
    found = []
    for api, (calls, usd, calls_once, usd_once) in sorted(daily.items()):
        bound = "about" if len(bounds[api]) > 1 else next(iter(bounds[api]), "")
        found.append(
            (
                api or "(of several)",
                f"{int(calls):,}" if calls else "-",
                bounded(None if api in unpriced and not usd else usd, bound if usd else ""),
                f"{int(calls_once):,}" if calls_once else "-",
                bounded(usd_once, bound if usd_once else ""),
            )
        )
    return found


def _show_calls(title: str, rows: Sequence[tuple[str, str, str, str, str]]) -> None:
    if rows:
        say()
        columns = (title, "calls/day", "USD/day", "calls once", "USD once")
        print_fitting(columns, rows, droppable=("calls once", "calls/day", "USD once"), right=_NUMBERS)
