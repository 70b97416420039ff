"""What has become of each process: by its last sign, by who came after it, by whether anybody could have told us."""

import os
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import psutil

from storage.processes import Process
from workers.health.presence import this_machine
from workers.status.fates import Fate, judge

NOW = datetime(2026, 11, 24, 5, 0, tzinfo=UTC)


def process(
    role: str,
    silent: float = 1.0,
    first: float = 600.0,
    *,
    stopped: bool = False,
    queues: str = "",
    pid: int = 1,
    machine: str = "",
    started_at: datetime = NOW,
    trouble: str = "",
    process_id: UUID | None = None,
) -> Process:
    """One that began ``first`` seconds ago, and has said nothing for ``silent`` seconds."""
    seen = (NOW - timedelta(seconds=first), NOW - timedelta(seconds=silent))
    return Process(
        process_id or uuid4(), role, queues, "host-1", machine, pid, "1", started_at, *seen, silent, stopped, trouble
    )


def fates(*found: Process, broker_answers: bool = True) -> list[Fate]:
    return [fate for _, fate in judge(found, broker_answers=broker_answers).of]


def test_it_lives_while_it_gives_signs_and_vanishes_without() -> None:
    assert fates(process("ingest"), process("beat", 12)) == [Fate.LIVES, Fate.LIVES]
    assert fates(process("ingest"), process("beat", 60)) == [Fate.LIVES, Fate.VANISHED]
    assert fates(process("ingest"), process("beat", 60, stopped=True)) == [Fate.LIVES, Fate.ENDED]


def test_any_number_of_a_kind_may_live() -> None:
    found = judge([process("ingest"), process("beat"), process("beat"), process("beat")], broker_answers=True)
    assert len(found.those(Fate.LIVES)) == 4
    assert not found.vanished


def test_each_newcomer_takes_the_place_of_one_of_its_kind() -> None:
    gone, again = process("ingest", 100), process("ingest", 1, 90)
    assert fates(gone, again) == [Fate.REPLACED, Fate.LIVES]
    assert fates(gone, process("ingest", 100), again) == [Fate.REPLACED, Fate.VANISHED, Fate.LIVES]
    assert fates(process("ingest"), gone) == [Fate.LIVES, Fate.VANISHED], "one that was there before replaces none"
    one, other = process("worker aws", 100, queues="a"), process("worker aws", 1, 90, queues="b")
    assert fates(process("ingest"), one, other)[1] is Fate.VANISHED, "it takes other work"
    loop = [process("forward", 100 - 10 * n, 105 - 10 * n) for n in range(4)]
    found = judge([*loop, process("forward", 1, 50)], broker_answers=True)
    assert [fate for _, fate in found.of] == [Fate.REPLACED] * 4 + [Fate.LIVES]
    assert found.vanished["forward", ""] == 4


def test_who_speaks_over_the_broker_is_not_missed_while_nobody_could_hear_it() -> None:
    beat, forward = process("beat", 100), process("forward", 100)
    assert fates(process("ingest"), beat, forward, broker_answers=False)[1:] == [Fate.UNKNOWN, Fate.VANISHED]
    assert fates(process("ingest", 100), beat, forward) == [Fate.VANISHED, Fate.UNKNOWN, Fate.VANISHED]


def test_a_process_of_this_machine_is_missed_at_once() -> None:
    began = datetime.fromtimestamp(psutil.Process().create_time(), UTC)
    here = process("ingest", 1, pid=os.getpid(), machine=this_machine(), started_at=began)
    nobody = here._replace(pid=2**22 + 1)
    another = here._replace(started_at=began - timedelta(hours=1))
    elsewhere = nobody._replace(machine="another kernel/1")
    assert this_machine()
    assert fates(here) == [Fate.LIVES]
    assert fates(nobody) == [Fate.VANISHED]
    assert fates(another) == [Fate.VANISHED], "its number is another one's by now"
    assert fates(elsewhere) == [Fate.LIVES]
