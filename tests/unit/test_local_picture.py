"""The picture of `finfleet up` fits every terminal, breaks no name, and hides no problem."""

import re
from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from storage.outbox import OutboxWaiting
from tasks.results import Depth
from workers.local.figures import Figures
from workers.local.lines import cut, flow, wrap
from workers.local.picture import picture
from workers.local.snapshot import Phase, Snapshot
from workers.local.supervisor import ProcessStatus, State

_NAMES = st.text("abcxyz_019", min_size=1, max_size=22).map("n{}".format)
_TROUBLES = st.sampled_from(
    [
        "database 127.0.0.1:5432/finfleet: connection refused",
        "writing its log: [Errno 28] No space left on device: '/srv/finfleet/.finfleet/logs/collect.log': tried again",
        "\u6570\u636e\u5e93\u4e0d\u53ef\u7528 " * 3,
    ]
)
_COUNTS = st.sampled_from([0, 0, 0, 1, 12_345_678])


@st.composite
def _processes(draw: st.DrawFn, providers: list[str]) -> tuple[ProcessStatus, ...]:
    names = ["postgres", "valkey", "ingest", "forward", "plan", *(f"collect.{name}" for name in providers), "beat"]
    found = []
    for name in names:
        state = draw(st.sampled_from([*[State.RUNNING] * 5, *State]))
        troubles = tuple(f"{name}: {trouble}" for trouble in draw(st.lists(_TROUBLES, max_size=1)))
        ended = state in {State.WAITING, State.STOPPED}
        pid, up = (None, None) if ended else (draw(st.integers(2, 4_194_304)), draw(st.floats(0, 1e7)))
        restarts = draw(st.sampled_from([0, 0, 3, 1_000_000]))
        found.append(
            ProcessStatus(name, pid, state, up, restarts, draw(st.sampled_from([*[False] * 9, True])), troubles)
        )
    return tuple(found)


@st.composite
def _snapshots(draw: st.DrawFn) -> Snapshot:
    providers = draw(st.lists(_NAMES, max_size=14, unique=True))
    destinations = draw(st.lists(_NAMES, max_size=6, unique=True))
    kinds = ("complete", "planned", "denied", "failed")
    figures = Figures(
        windows={name: {kind: draw(_COUNTS) for kind in kinds} for name in providers},
        destinations={name: OutboxWaiting(draw(_COUNTS), draw(_COUNTS)) for name in destinations},
        dead_letters=draw(_COUNTS),
        results=Depth(draw(_COUNTS), draw(st.none() | st.floats(0, 1e6))),
        troubles=tuple(draw(st.lists(_TROUBLES, max_size=2))),
    )
    known = draw(st.sampled_from([figures, figures, figures, Figures(troubles=figures.troubles)]))
    processes = draw(_processes(providers))
    return Snapshot(
        phase=draw(st.sampled_from(Phase)),
        up=draw(st.floats(0, 1e8)),
        processes=processes,
        providers=tuple(providers),
        destinations=tuple(destinations),
        figures=known,
        events=tuple(f"07:00:00Z {each.name} ended (SIGKILL): starts again\n  said this" for each in processes),
        addresses=(("Flower", "http://127.0.0.1:40123"), ("database", "psql " + "-h 127.0.0.1 " * 12)),
    )


def _words(lines: list[str]) -> set[str]:
    return {word.rstrip(":") for line in lines for word in line.split()}


def _more(lines: list[str], section: str) -> int:
    """How many a section says that it has left out."""
    text = " ".join(lines)
    found = re.search(rf"{section}:.*?(\d+) more", text) or re.search(
        rf"(?:{section} of )?(\d+) (?:parts|providers)", text
    )
    return int(found[1]) if found else 0


@settings(max_examples=100, deadline=None)
@given(_snapshots(), st.integers(40, 200), st.integers(12, 60))
def test_it_fits_breaks_no_name_and_tells_of_every_problem_and_provider(
    snapshot: Snapshot, width: int, height: int
) -> None:
    lines = [line.plain for line in picture(snapshot, width, height)]
    assert len(lines) <= height
    assert all(cell_len(line) <= width for line in lines)
    words = _words(lines)
    problems = snapshot.problems()
    count = f"{len(problems)} problem{'s' if len(problems) != 1 else ''}"
    assert (count if problems else "no problems") in lines[0]
    subjects = {problem.subject for problem in problems}
    untold = {subject for subject in subjects if not set(subject.split()) <= words}
    assert len(untold) == 0 or len(untold) <= _more(lines, "problems"), "those that have no room are counted"
    missing = set(snapshot.providers) - words
    assert len(missing) == 0 or len(missing) <= _more(lines, "providers")
    if missing and not untold:  # who has lost windows is among the problems in any case
        assert not {name for name in missing if snapshot.figures.lost(name)} - words


@settings(max_examples=60, deadline=None)
@given(_snapshots(), st.integers(80, 200), st.integers(24, 60))
def test_from_80_by_24_on_all_that_is_usual_is_there(snapshot: Snapshot, width: int, height: int) -> None:
    usual = replace(
        snapshot,
        providers=snapshot.providers[:4],
        destinations=snapshot.destinations[:2],
        processes=tuple(
            replace(each, troubles=(), state=each.state if number < 3 else State.RUNNING, looping=False)
            for number, each in enumerate(snapshot.processes[:11])
        ),
        figures=replace(snapshot.figures, troubles=()),
    )
    assume(len(usual.problems()) <= 8)
    words = _words([line.plain for line in picture(usual, width, height)])
    assert {each.name for each in usual.processes} <= words
    assert set(usual.providers) | set(usual.destinations) <= words
    assert all(_words([problem.what]) <= words for problem in usual.problems())
    assert {"dead", "letters"} <= words
    assert "07:00:00Z" in words or not usual.events


_STATES = [
    ProcessStatus("collect.aws", None, State.WAITING, None, 7, looping=True),
    ProcessStatus("plan", 12, State.RUNNING, 60.0, 0),
]


def _calm() -> Snapshot:
    return Snapshot(
        phase=Phase.READY,
        up=60.0,
        processes=tuple(_STATES),
        providers=("aws", "gcp"),
        destinations=(),
        figures=Figures(windows={"aws": {"complete": 3}, "gcp": {"denied": 2}}, destinations={}, dead_letters=0),
    )


def test_what_has_ended_is_no_problem_of_a_fleet_that_stops() -> None:
    snapshot = _calm()
    assert [problem.subject for problem in snapshot.problems()] == ["collect.aws", "gcp"]
    stopping = replace(snapshot, phase=Phase.STOPPING)
    assert [problem.subject for problem in stopping.problems()] == ["gcp"]
    (first, *_) = picture(stopping, 80, 24)
    assert "stopping, Ctrl-C ends it at once" in first.plain


def test_the_larger_a_terminal_is_the_more_it_shows() -> None:
    small, large = (
        "\n".join(line.plain for line in picture(_calm(), width, height)) for width, height in ((40, 12), (160, 50))
    )
    assert "gcp 2 lost" in small
    assert "ended, starts again" in large
    assert "throttles/min" in large


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("collect.aws ended again", 14, ["collect.aws", "  ended again"]),
        ("a_name_longer_than_a_line x", 10, ["a_name_l", "  onger_th", "  an_a_lin", "  e x"]),
        ("", 10, []),
    ],
)
def test_words_are_wrapped_and_only_one_wider_than_a_line_is_broken(text: str, width: int, lines: list[str]) -> None:
    assert [line.plain for line in wrap(text, width, indent="  ")] == lines


def test_a_text_is_cut_between_two_words() -> None:
    assert cut("collect.aws ended again", 18) == "collect.aws.."
    assert cut("collect.aws ended again", 19) == "collect.aws ended.."
    assert cut("collect.aws", 8) == "collec.."
    assert [line.plain for line in flow("x:", [("one two", ""), ("three", "")], 12)] == ["x:  one two", "three"]
