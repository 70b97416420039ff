"""What is shown fits the terminal, names whole, and trouble comes first."""

import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from storage.reports import BadWindows, Status, TargetCoverage
from telemetry.target import Target
from tests.unit.test_status_kinds import CASES, MINUTE, NOW, healthy, lateness
from workers.status.facts import Facts
from workers.status.kinds import problems_of
from workers.status.layout import Room, lines_of
from workers.status.wrapping import columns, wrapped

LONG = Target("gcp", "web", "global", "vertex_ai")


def _many(count: int, troubled: int = 0) -> Facts:
    targets = [LONG, *(Target("aws", f"account-{n:04}", "us-east-1", "ec2") for n in range(count - 1))]
    late = [lateness(target=one, lag=99 * MINUTE, open_for=99 * MINUTE) for one in targets[:troubled]]
    on_time = [lateness(target=one) for one in targets[troubled:]]
    rows = [TargetCoverage(one, True, False, 12, 10, 1, 0, 0, 1, NOW, 5 * MINUTE, None, "") for one in targets]
    facts = healthy()
    status = Status(NOW, rows, [], [], [], [], [], 0)
    return replace(facts, database=replace(facts.database, lateness=[*late, *on_time], status=status))


def _shown(facts: Facts, room: Room) -> list[str]:
    return lines_of(facts, problems_of(facts), room, "servers of the finfleet up in .finfleet")


@pytest.mark.parametrize(("width", "height"), [(80, 23), (160, 49), (40, 23)])
@pytest.mark.parametrize("troubled", [0, 1, 30])
def test_it_fits_and_names_are_whole(width: int, height: int, troubled: int) -> None:
    lines = _shown(_many(200, troubled), Room(width, height, everything=False))
    assert max(map(cell_len, lines)) <= width
    problems = [line for line in lines if line.startswith(("! ", "  "))]
    assert len(lines) <= max(height, len(problems) + 18)
    assert " ".join(lines).count("(--all") == 1
    if not troubled:
        assert lines[0].startswith("OK ")
        assert any(re.search(r"\d+ more targets are on time", line) for line in lines)
    else:
        assert lines[0].startswith("1 problem")
        assert f"late: {LONG}" in " ".join(line.strip() for line in lines[1:3])


@pytest.mark.parametrize(("kind", "says"), [(kind, says) for kind, says, _ in CASES])
def test_each_trouble_is_told_in_the_first_five_lines(kind: str, says: str) -> None:
    change = next(change for name, text, change in CASES if (name, text) == (kind, says))
    lines = _shown(change(healthy()), Room(80, 23, everything=False))
    told = " ".join(line.strip() for line in lines[:5])
    assert lines[0].startswith("1 problem at 2026-11-24T05:00:00Z")
    assert kind in told.split("servers of")[0]
    assert says in told


@pytest.mark.parametrize("width", range(60, 90, 3))
def test_each_queue_stands_beside_its_number(width: int) -> None:
    facts = replace(healthy(), queues={f"collect.gcp.{lane}": 0 for lane in ("a", "bill", "live", "paid", "slow")})
    lines = _shown(facts, Room(width, 23, everything=False))
    start = next(number for number, line in enumerate(lines) if line.startswith("task queues: "))
    found = [line.rstrip() for line in lines[start : start + 3] if "collect.gcp" in line or line.startswith("  ")]
    assert all(line.endswith((" 0", " 0,")) for line in found), found


def test_of_very_many_problems_the_most_severe_are_told() -> None:
    bad = [
        BadWindows(Target("aws", f"account-{n}", "us-east-1", "ec2"), "failed", "", f"reason {n}", 1, NOW, NOW)
        for n in range(50)
    ]
    facts = replace(healthy(), database=replace(healthy().database, bad=bad))
    lines = _shown(facts, Room(80, 23, everything=False))
    assert lines[0].startswith("50 problems")
    assert len(lines) <= 23
    assert any(re.fullmatch(r"and \d+ more \(--problems shows all\)", line) for line in lines)
    assert len(_shown(facts, Room(80, 23, only_problems=True))) > 50


def test_a_pipe_gets_everything_in_long_lines() -> None:
    lines = _shown(_many(200, 1), Room())
    assert sum(line.startswith("aws/account-") for line in lines) == 199
    assert "covered until" in "\n".join(lines)
    assert not any("--all" in line for line in lines)


def test_only_problems_are_shown_where_nothing_else_is_asked_for() -> None:
    lines = lines_of(_many(9, 1), problems_of(_many(9, 1)), Room(80, only_problems=True))
    assert len(lines) == 3
    assert lines_of(healthy(), [], Room(80, only_problems=True)) == [
        "OK at 2026-11-24T05:00:00Z: 1 target is on time, 5 processes live"
    ]


_names = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zs"), exclude_characters="/ "), min_size=1, max_size=30)


@given(st.lists(st.lists(_names, min_size=1, max_size=5).map("/".join), min_size=1, max_size=12), st.integers(40, 160))
def test_lines_break_at_spaces_and_after_slashes_and_nowhere_else(words: list[str], width: int) -> None:
    text = " ".join(words)
    lines = wrapped(text, width)
    assert max(map(cell_len, lines)) <= width
    assert re.sub(r"\s", "", "".join(lines)) == re.sub(r"\s", "", wrapped(text, 10**9)[0])
    if max(cell_len(part) for word in words for part in word.split("/")) < width - 3:
        joined = "".join(line if line.endswith("/") else f"{line} " for line in (one.strip() for one in lines))
        whole = wrapped(text, 10**9)[0]
        assert joined.split() == whole.split() or any(word.endswith("/") for word in whole.split())


def test_names_in_a_column_break_after_slashes() -> None:
    lines = columns(["target", "lag"], [["gcp/web/global/vertex_ai", "5 min"]], 24)
    assert lines == ["target               lag", "gcp/web/global/    5 min", " vertex_ai"]


def test_a_clock_that_runs_ahead_is_no_fault() -> None:
    facts = replace(healthy(), at=datetime(2026, 11, 24, tzinfo=UTC))
    assert _shown(facts, Room(80))


def test_until_when_all_is_covered_is_told_in_whole_seconds() -> None:
    facts = _many(1)
    status = facts.database.status
    assert status is not None
    rows = [replace(one, covered_until=NOW.replace(microsecond=939280)) for one in status.targets]
    facts = replace(facts, database=replace(facts.database, status=replace(status, targets=rows)))
    shown = " ".join(_shown(facts, Room(200, 49, everything=True)))
    assert ".939280" not in shown
