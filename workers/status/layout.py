"""How `finfleet status` looks: the verdict, what is wrong, then what there is, as much of it as fits the terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from storage.reports import Lateness, TargetCoverage
from telemetry.target import format_time
from workers.output import cell, duration
from workers.status.facts import Facts
from workers.status.kinds import Problem
from workers.status.remarks import remarks
from workers.status.wrapping import columns, wrapped

_WIDE = 120
_FULL = ("target", "windows", "complete", "empty", "denied", "failed", "waiting", "covered until", "lag")
_COMPACT = ("target", "settled", "lag", "")
_NARROW = ("target", "lag")
_NARROW_UNDER = 60
_BELOW = 12
"""Lines that are kept for what comes below the problems."""


@dataclass(frozen=True)
class Room:
    """Where it is shown. None: no end."""

    width: int | None = None
    height: int | None = None
    #: Whatever is healthy, too.
    everything: bool = True
    only_problems: bool = False


def lines_of(facts: Facts, problems: Sequence[Problem], room: Room, remark: str = "") -> list[str]:
    """All lines, each within the width; within the height too, unless the problems alone are more."""
    top = [*_wrap(_verdict(facts, problems), room), *_problems(problems, room)]
    if remark:
        top += _wrap(remark, room)
    if room.only_problems:
        return top
    below = [*_wrap(_processes(facts), room), *_queues(facts, room), *_outbox(facts, room)]
    notes = [line for text in remarks(facts) for line in _wrap(text, room)]
    free = None if room.height is None else room.height - len(top) - len(below) - 3
    table = _table(facts, problems, room, free)
    lines = [*top, *_spaced(table), *_spaced(below)]
    if room.height is not None and not room.everything:
        left = max(room.height - len(lines) - 2, 0)
        if len(notes) > left:
            notes = [*notes[: max(left - 1, 0)], "more remarks: --all"] if left else []
    return [*lines, *_spaced(notes)]


def _verdict(facts: Facts, problems: Sequence[Problem]) -> str:
    at = format_time(facts.at.replace(microsecond=0))
    if problems:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        blind = "; how the fleet stands is not known" if facts.blind else ""
        return f"{count} at {at}{blind}"
    targets = sum(facts.filters.take(one.target) for one in facts.database.lateness or ())
    living = len(facts.living())
    processes = f", {living} processes live" if living else ""
    return f"OK at {at}: {'1 target is' if targets == 1 else f'{targets:,} targets are'} on time{processes}"


def _problems(problems: Sequence[Problem], room: Room) -> list[str]:
    """All of them where there is room, or nothing else is asked for; else the most severe."""
    most = None if room.height is None or room.everything or room.only_problems else max(room.height - _BELOW, 5)
    lines: list[str] = []
    for told, problem in enumerate(problems):
        more = _wrap(f"! {problem.line}", room)
        if most is not None and told and len(lines) + len(more) > most:
            return [*lines, *_wrap(f"and {len(problems) - told:,} more (--problems shows all)", room)]
        lines += more
    return lines


def _table(facts: Facts, problems: Sequence[Problem], room: Room, free: int | None) -> list[str]:
    """The targets, those in trouble first; those that do not fit are counted."""
    rows = _rows(facts, problems)
    if not rows:
        return []
    width = room.width
    headings: tuple[str, ...] = _COMPACT if width is not None and width < _WIDE else _FULL
    if width is not None and width < _NARROW_UNDER:
        headings = _NARROW
    shown = rows
    if not room.everything and free is not None:
        # At least those in trouble; what is on time only as far as there is room.
        troubled = sum(bool(row.troubled) for row in rows)
        shown = rows[: max(min(troubled, 4), min(len(rows), free - 3), 0)]
    table = columns(list(headings), [row.cells(headings) for row in shown], width)
    hidden = rows[len(shown) :]
    if hidden:
        late = sum(bool(row.troubled) for row in hidden)
        on_time = len(hidden) - late
        parts = [f"{late:,} more are in trouble"] if late else []
        if on_time:
            parts.append("1 more target is on time" if on_time == 1 else f"{on_time:,} more targets are on time")
        table += wrapped(f"{', '.join(parts)} (--all shows them)", width or 10_000)
    return table


@dataclass(frozen=True)
class _Row:
    target: str
    troubled: str
    coverage: TargetCoverage | None
    lateness: Lateness | None

    def cells(self, headings: Sequence[str]) -> list[str]:
        lag = self.coverage.lag if self.coverage else self.lateness.lag if self.lateness else None
        shown = cell(lag)
        if headings == _NARROW:
            return [self.target, self.troubled or shown]
        found = self.coverage
        if headings == _COMPACT:
            settled = "-" if found is None else f"{found.complete + found.empty:,}/{found.planned:,}"
            return [self.target, settled, shown, self.troubled or ("" if self.lateness else "disabled")]
        if found is None:
            return [self.target, *["-"] * 6, _until(self.lateness.covered_until if self.lateness else None), shown]
        counts = (found.planned, found.complete, found.empty, found.denied, found.failed, found.waiting)
        return [self.target, *map(cell, counts), _until(found.covered_until), shown]


def _until(moment: datetime | None) -> str:
    """Of what is delivered it is the present, which has more digits than a person reads."""
    return cell(None if moment is None else moment.replace(microsecond=0))


def _rows(facts: Facts, problems: Sequence[Problem]) -> list[_Row]:
    kinds: dict[str, str] = {}
    for problem in problems:
        for subject in problem.subjects:
            kinds.setdefault(subject, problem.kind)
    coverage = {one.target: one for one in (facts.database.status.targets if facts.database.status else ())}
    lateness = {one.target: one for one in facts.database.lateness or ()}
    targets = sorted({*coverage, *lateness}, key=str)
    rows = [
        _Row(str(target), kinds.get(str(target), ""), coverage.get(target), lateness.get(target))
        for target in targets
        if facts.filters.take(target)
    ]
    return sorted(rows, key=lambda row: not row.troubled)


def _processes(facts: Facts) -> str:
    living = facts.living()
    if facts.database.processes is None:
        return "processes: not known"
    if not living:
        return "processes: none has given a sign of life"
    counts = Counter(one.role for one in living)
    parts = (role if count == 1 else f"{role} ({count})" for role, count in sorted(counts.items()))
    return f"processes that live: {', '.join(parts)}"


def _queues(facts: Facts, room: Room) -> Iterator[str]:
    depths = facts.broker.depths
    if depths is None:
        yield from _wrap("results queue: not known", room)
    else:
        if results := depths.get("results"):
            age = "" if results.oldest_age is None else f", the oldest {duration(results.oldest_age)} old"
            yield from _wrap(f"results queue: {results.messages:,} messages{age}", room)
        if others := [f"{label} {depth.messages:,}" for label, depth in depths.items() if label != "results"]:
            yield from _wrap(f"other queues of the ingest: {', '.join(others)}", room)
    # No line ends between a queue and its number.
    queues = ", ".join(f"{name}\N{NO-BREAK SPACE}{cell(count)}" for name, count in (facts.task_queues or {}).items())
    for line in _wrap(f"task queues: {queues or 'not known'}", room):
        yield line.replace("\N{NO-BREAK SPACE}", " ")


def _outbox(facts: Facts, room: Room) -> Iterator[str]:
    for one in facts.database.status.outbox if facts.database.status else ():
        age = None if one.oldest_pending is None else (facts.at - one.oldest_pending).total_seconds()
        waits = "" if age is None else f", the oldest for {duration(max(age, 0.0))}"
        sent = f"{one.pending:,} wait{waits}, {one.sent:,} sent, {one.dead:,} dead"
        yield from _wrap(f"{one.destination}: {sent}", room)
    letters = None if facts.database.letters is None else sum(facts.database.letters.values())
    yield from _wrap(f"dead letters: {cell(letters)}", room)


def _wrap(text: str, room: Room) -> list[str]:
    return wrapped(text, room.width or 1_000_000)


def _spaced(lines: Sequence[str]) -> list[str]:
    return ["", *lines] if lines else []
