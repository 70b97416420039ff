"""What `finfleet up` draws: the lines of one picture, which fit a terminal of any size.

Designed for 80 x 24. Each section has several forms, from one that fits anywhere to one that shows all. Every section
gets its smallest form first; then the room that is left goes to larger ones, in an order of importance. What is folded
away is counted, and is never a problem: those are on top.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from storage.outbox import OutboxWaiting
from telemetry.text import shown
from workers.local.lines import GAP, cut, flow, side_by_side, table, wrap
from workers.local.snapshot import Phase, Problem, Snapshot
from workers.local.supervisor import ProcessStatus, State
from workers.output import cell, duration

_BAD, _GOOD, _DIM = "red", "green", "dim"
_STATES = {State.STARTING: "starting", State.WAITING: "ended", State.STOPPING: "stopping", State.STOPPED: "stopped"}
_ORDER = ("head", "problems", "processes", "providers", "destinations", "queues", "events", "addresses")
_GROWS = (
    *("problems", "problems", "events", "providers", "processes", "destinations", "events", "processes", "gaps"),
    *("addresses", "events", "processes", "addresses", "events", "events"),
)
"""Who gets a larger form, one step after the other."""
_ALWAYS = 3
"""Lines of the picture that problems leave to the rest: the head, the providers."""


def picture(snapshot: Snapshot, width: int, height: int) -> list[Text]:
    """The lines, ``height`` at the most, none wider than ``width``."""
    forms = {
        "head": [_head(snapshot, width)],
        "problems": _problems(snapshot.problems(), width, height),
        "processes": _processes(snapshot, width),
        "providers": _providers(snapshot, width),
        "destinations": _destinations(snapshot, width),
        "queues": [_queues(snapshot, width)],
        "events": _events(snapshot.events, width, height),
        "addresses": _addresses(snapshot.addresses, width),
        "gaps": [[], [Text()]],
    }
    chosen = dict.fromkeys(forms, 0)
    for name in _GROWS:
        wanted = chosen[name] + 1
        if wanted < len(forms[name]) and len(_lines(forms, {**chosen, name: wanted})) <= height:
            chosen[name] = wanted
    return _squeezed(forms, chosen, snapshot, width, height)


_Forms = dict[str, list[list[Text]]]


def _lines(forms: _Forms, chosen: dict[str, int]) -> list[Text]:
    gap = forms["gaps"][chosen["gaps"]]
    lines: list[Text] = []
    for name in _ORDER:
        section = forms[name][chosen[name]]
        # Destinations and queues belong together.
        lines += [*(gap if lines and section and name != "queues" else []), *section]
    return lines


def _squeezed(forms: _Forms, chosen: dict[str, int], snapshot: Snapshot, width: int, height: int) -> list[Text]:
    """Where even the smallest forms are too long: first what can be read elsewhere goes, last what is well."""
    for name in ("addresses", "events", "queues", "destinations", "processes"):
        if len(_lines(forms, chosen)) <= height:
            break
        forms[name] = [[] for _ in forms[name]]
    if len(_lines(forms, chosen)) > height:
        room = height - len(forms["head"][0]) - len(forms["problems"][0])
        forms["providers"] = [_folded(snapshot, width, max(room, 1))]
        chosen["providers"] = 0
    return _lines(forms, chosen)[:height]


def _head(snapshot: Snapshot, width: int) -> list[Text]:
    count, all_of_them = snapshot.running(), len(snapshot.processes)
    problems = len(snapshot.problems())
    running = f"{count} processes run" if count == all_of_them else f"{count} of {all_of_them} processes run"
    wrong = f"{problems} problem{'s' if problems != 1 else ''}" if problems else "no problems"
    # Where there is no room they are left out, the last first.
    parts = [f"finfleet up for {duration(snapshot.up)}", wrong]
    parts += {
        Phase.STOPPING: ["stopping, Ctrl-C ends it at once", running],
        Phase.STOPPED: ["stopped"],
    }.get(snapshot.phase, [running, "Ctrl-C stops it"])
    while len(parts) > 1 and len("; ".join(parts)) > width:
        parts.pop()
    head = Text(cut(parts[0], width), "bold")
    for part in parts[1:]:
        head.append("; ").append(part, _BAD if part == wrong and problems else "")
    return [head]


def _problems(problems: Sequence[Problem], width: int, height: int) -> list[list[Text]]:
    """Names alone, a line each, and all words; the last that have no room at all are counted."""
    whole: list[Text] = []
    for problem in problems:
        whole += wrap(_told(problem), width, _BAD, GAP)
    cut_off = [Text(cut(_told(problem), width), _BAD) for problem in problems]
    subjects = dict.fromkeys(shown(problem.subject) for problem in problems)
    names = flow("problems:", ((name, _BAD) for name in subjects), width) if problems else []
    room = max(1, height - _ALWAYS)
    if len(names) > room:
        names = _counted(list(subjects), width, room)
    return sorted((form for form in (names, cut_off, whole) if len(form) <= room), key=len) or [names]


def _told(problem: Problem) -> str:
    # With a mark: not every terminal has colours.
    return shown(" ".join(f"! {problem.subject}: {problem.what}".split()))


def _counted(names: list[str], width: int, room: int) -> list[Text]:
    for kept in range(len(names) - 1, -1, -1):
        more = f"and {len(names) - kept} more: finfleet status"
        lines = flow("problems:", ((name, _BAD) for name in (*names[:kept], more)), width)
        if len(lines) <= room:
            return lines
    return [Text(cut(f"problems of {len(names)} parts: finfleet status", width), _BAD)]


def _processes(snapshot: Snapshot, width: int) -> list[list[Text]]:
    """Nothing, since the head has their number and the problems name the others; their names; all that is known."""
    processes = snapshot.processes
    if not processes:
        return [[]]
    names = ((f"{shown(each.name)}{_mark(each)}", _style(each)) for each in processes)
    forms = [[], flow("processes:", names, width)]
    styles = [_style(x) for x in processes]
    rows = [(shown(x.name), _pid(x), _up(x), f"{x.restarts:,}") for x in processes]
    small = table(("process", "up", "restarts"), [(name, up, again) for name, _, up, again in rows], width, styles)
    larger = table(("process", "pid", "up", "restarts"), rows, width, styles, needed=4)
    if small is not None:
        beside = [side_by_side(lines, width) for lines in (larger, small) if lines is not None]
        forms.append(min(beside, key=len))
    wide = table(
        ("process", "pid", "<state", "up", "restarts", "<metrics"),
        [
            (shown(x.name), _pid(x), str(x.state), _alive(x), f"{x.restarts:,}", snapshot.metrics.get(x.name, ""))
            for x in processes
        ],
        width,
        styles,
        needed=5,
    )
    return forms if wide is None else [*forms, wide]


def _mark(process: ProcessStatus) -> str:
    return "" if process.state is State.RUNNING else f" {_STATES.get(process.state, process.state)}"


def _style(process: ProcessStatus) -> str:
    if process.looping or process.state is State.WAITING:
        return _BAD
    return _GOOD if process.state is State.RUNNING else "yellow"


def _pid(process: ProcessStatus) -> str:
    return "-" if process.pid is None else str(process.pid)


def _alive(process: ProcessStatus) -> str:
    return "-" if process.uptime is None else duration(process.uptime)


def _up(process: ProcessStatus) -> str:
    return _alive(process) if process.state is State.RUNNING else _STATES.get(process.state, str(process.state))


def _providers(snapshot: Snapshot, width: int) -> list[list[Text]]:
    """Each with a word or a number; a line each with all numbers."""
    figures = snapshot.figures
    if not snapshot.providers:
        return [[]]
    forms = [flow("providers:", (_word(snapshot, name) for name in snapshot.providers), width)]
    rows = []
    for provider in snapshot.providers:
        windows: tuple[int | None, ...] = (None,) * 4
        if figures.windows is not None:
            counts = figures.done, figures.waiting, figures.denied, figures.failed
            windows = tuple(count(provider) for count in counts)
        rate: float | None = None
        throttles: int | None = None
        if figures.activity is not None:
            lately = figures.activity.get(provider)
            rate, throttles = (lately.records_per_second, lately.throttles) if lately else (0.0, 0)
        rows.append((shown(provider), *(cell(value) for value in (*windows, rate, throttles))))
    headings = ("provider", "windows done", "waiting", "denied", "failed", "records/s", "throttles/min")
    styles = [_BAD if figures.lost(name) else "" for name in snapshot.providers]
    wide = table(headings, rows, width, styles, needed=5)
    return forms if wide is None else [*forms, wide]


def _word(snapshot: Snapshot, provider: str) -> tuple[str, str]:
    figures = snapshot.figures
    if figures.windows is None:
        return f"{shown(provider)} -", ""
    if lost := figures.lost(provider):
        return f"{shown(provider)} {lost:,} lost", _BAD
    return f"{shown(provider)} {figures.done(provider):,} done", ""


def _folded(snapshot: Snapshot, width: int, room: int) -> list[Text]:
    """As many as there is room for, those with lost windows first; the others are counted."""
    names = sorted(snapshot.providers, key=lambda name: -snapshot.figures.lost(name))
    words = [_word(snapshot, name) for name in names]
    for kept in range(len(words), -1, -1):
        rest = [(f"{len(words) - kept} more", "")] if kept < len(words) else []
        lines = flow("providers:", [*words[:kept], *rest], width)
        if len(lines) <= room:
            return lines
    return [Text(cut(f"{len(words)} providers", width))]


def _destinations(snapshot: Snapshot, width: int) -> list[list[Text]]:
    """Each with what waits; and in a table, with what was refused."""
    known = snapshot.figures.destinations
    if not snapshot.destinations:
        return [[]]
    waiting = {name: None if known is None else known.get(name, OutboxWaiting(0, 0)) for name in snapshot.destinations}
    styles = {name: _BAD if one is not None and one.dead else "" for name, one in waiting.items()}
    words = (
        (f"{shown(name)} {cell(one.pending if one else None)} unsent", styles[name]) for name, one in waiting.items()
    )
    rows = [
        (shown(name), cell(one.pending if one else None), cell(one.dead if one else None))
        for name, one in waiting.items()
    ]
    forms = [flow("destinations:", words, width)]
    wide = table(("destination", "unsent", "refused"), rows, width, list(styles.values()), needed=3)
    return forms if wide is None else [*forms, side_by_side(wide, width)]


def _queues(snapshot: Snapshot, width: int) -> list[Text]:
    figures = snapshot.figures
    results = figures.results
    dead = figures.dead_letters
    items = [(f"results waiting {cell(results.messages if results else None)}", "")]
    if results is not None and results.oldest_age is not None:
        items.append((f"oldest {duration(results.oldest_age)}", ""))
    return flow("", [*items, (f"dead letters {cell(dead)}", _BAD if dead else "")], width)


def _events(events: Sequence[str], width: int, height: int) -> list[list[Text]]:
    """The last one on a line, then ever more of them with all their words, the latest at the bottom."""
    if not events:
        return [[]]
    wrapped = [wrap(line, width, _DIM, GAP) for event in events for line in event.splitlines()]
    forms = [[Text(cut(events[-1].splitlines()[0], width), _DIM)]]
    for most in (3, 6, 10, height):
        lines: list[Text] = []
        for event in reversed(wrapped):
            if len(lines) + len(event) > most:
                break
            lines = [*event, *lines]
        if len(lines) > len(forms[-1]):
            forms.append(lines)
    return forms


def _addresses(addresses: Sequence[tuple[str, str]], width: int) -> list[list[Text]]:
    """Nothing; what fits on a line; all, whole, since they are there to be copied."""
    if not addresses:
        return [[]]
    label = max(len(what) for what, _ in addresses) + len(GAP)
    lines = [(what, shown(where)) for what, where in addresses]
    short = [Text(f"{what:<{label}}{where}") for what, where in lines if label + len(where) <= width]
    whole: list[Text] = []
    for what, where in lines:
        whole += (
            wrap(f"{what}: {where}", width, "", GAP)
            if label + len(where) > width
            else [Text(f"{what:<{label}}{where}")]
        )
    return [[], short[:2], whole]
