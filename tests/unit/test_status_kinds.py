"""Everything that `finfleet status` takes for trouble: each kind is found where it is, alone, and nothing else."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from storage.errors import StorageReadOnly, StorageUnavailable
from storage.reports import BadWindows, Lateness, Unsent
from tasks.results import Depth
from telemetry.settings.model import Settings
from telemetry.target import Target
from tests.unit.test_status_fates import process
from workers.health.presence import this_machine
from workers.status.facts import Facts, Filters
from workers.status.kinds import KINDS, problems_of
from workers.status.readings import BrokerReading, DatabaseReading

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 11, 24, 5, 0, tzinfo=UTC)
TARGET = Target("aws", "default", "us-east-1", "ec2")
MINUTE = timedelta(minutes=1)
SETTINGS = Settings.model_validate(
    {
        "aws": {"regions": ["us-east-1"], "services": ["ec2"]},
        "openfinops": {"endpoint": "http://127.0.0.1:9"},
    }
)
FLEET = (
    process("ingest"),
    process("forward"),
    process("beat"),
    process("worker plan", queues="plan"),
    process("worker aws", queues="collect.aws"),
)


def lateness(**changes: Any) -> Lateness:
    on_time = Lateness(TARGET, "collect.aws", 5 * MINUTE, NOW - 5 * MINUTE, 5 * MINUTE, 2 * MINUTE, False, "", "")
    return on_time._replace(**changes)


def healthy() -> Facts:
    """A fleet of which nothing is wrong."""
    return Facts(
        settings=SETTINGS,
        at=NOW,
        within=2.0,
        database_address="db:5432/finfleet",
        database=DatabaseReading(
            schema="", processes=list(FLEET), lateness=[lateness()], bad=[], unsent=[], letters={}
        ),
        database_fault="",
        broker_address="redis://broker:6379/0",
        broker=BrokerReading({"results": Depth(3, 1.0), "bills": Depth(0, None)}, accepts=True),
        broker_fault="",
        queues={"plan": 1, "collect.aws": 5},
        free=10**12,
    )


def _bad(state: str, permission: str = "", error: str = "no") -> Callable[[Facts], Facts]:
    found = BadWindows(TARGET, state, permission, error, 12, NOW - 60 * MINUTE, NOW)
    return lambda facts: _database(facts, bad=[found])


def _database(facts: Facts, **changes: Any) -> Facts:
    return replace(facts, database=replace(facts.database, **changes))


def _lateness(**changes: Any) -> Callable[[Facts], Facts]:
    return lambda facts: _database(facts, lateness=[lateness(**changes)])


def _fleet(*more: Any, without: str = "") -> Callable[[Facts], Facts]:
    return lambda facts: _database(facts, processes=[*(one for one in FLEET if one.role != without), *more])


def _unsent(**changes: Any) -> Callable[[Facts], Facts]:
    found = Unsent("openfinops", 7, 0, 20.0, 0, "", "")._replace(**changes)
    return lambda facts: _database(facts, unsent=[found])


def _full(facts: Facts) -> Facts:
    error = StorageUnavailable("could not extend file: No space left on device")
    error.code = "53100"
    return replace(facts, write_error=error)


_LOOP = [process("beat", 90 - n, 95 - n) for n in (0, 10, 20)]
_HOUR = {"lag": 50 * MINUTE, "open_for": 50 * MINUTE}
_DEAD = "it runs no more, and was not told to stop"
_REFUSED = "Connection refused"
CASES: list[tuple[str, str, Callable[[Facts], Facts]]] = [
    ("database", "does not answer", lambda f: replace(f, database_fault="database db does not answer within 2 s")),
    ("schema", "finfleet db migrate", lambda f: _database(f, schema="it is at revision 9: run `finfleet db migrate`")),
    ("disk_full", "No space left", _full),
    ("disk_full", "3 MB are free", lambda f: replace(f, free=3 * 1024**2)),
    ("read_only", "takes no changes", lambda f: replace(f, write_error=StorageReadOnly("it takes no changes now"))),
    ("broker", "does not answer", lambda f: replace(f, broker_fault="broker b does not answer within 2 s")),
    ("broker_full", "OOM", lambda f: replace(f, broker=BrokerReading(f.broker.depths, False, "b takes none: OOM"))),
    ("process_down", "does not run", lambda f: replace(f, beside=("beat of finfleet up does not run",))),
    ("process_vanished", "no sign of life for 1 min 40 s", _fleet(process("forward", 100))),
    ("process_missing", "start `finfleet forward`", _fleet(without="forward")),
    ("process_missing", "start `finfleet worker aws`", lambda f: replace(_fleet(without="worker aws")(f), queues={})),
    (
        "process_missing",
        "no process of the fleet lives, the last sign of one came 3 h",
        lambda f: _database(f, processes=[], newest_sign=3 * 3600.0),
    ),
    (
        "process_missing",
        "no process of the fleet lives, the last sign of one came 10 min",
        lambda f: replace(
            _database(f, processes=[one._replace(silent=600.0, stopped=True) for one in FLEET], newest_sign=600.0),
            broker=BrokerReading({}, accepts=True),
        ),
    ),
    ("process_troubled", "deaf", _fleet(process("beat", trouble="deaf"))),
    (
        "process_restarts",
        "3 times",
        _fleet(*(process("beat", 90 - n, 95 - n) for n in (0, 10, 20)), process("beat", 1, 9)),
    ),
    ("unplanned", "no target", lambda f: _database(f, lateness=[])),
    ("denied", "grant ec2:X", _bad("denied", "ec2:X")),
    ("denied", "grant ec2:X", _lateness(denied=True, permission="ec2:X", lag=500 * MINUTE, open_for=500 * MINUTE)),
    ("failed", "12 windows since 2026-11-24T04:00:00Z: no", _bad("failed")),
    ("refused", "lacks costs; grant ce:Get", _bad("refused", "ce:Get", "costs")),
    ("not_read_again", "could not be read again: grant ce:Get", _bad("not_read_again", "ce:Get", "")),
    (
        "nothing",
        "no window so far, 50 min behind",
        _lateness(covered_until=None, lag=50 * MINUTE, open_for=50 * MINUTE),
    ),
    ("late", "50 min behind, read every 5 min", _lateness(lag=50 * MINUTE, open_for=45 * MINUTE)),
    ("late", "50 min behind", _lateness(lag=50 * MINUTE, open_for=None)),
    ("lost", "is a worker running?", _bad("lost", error="no report came back; is a worker running?")),
    ("backlog", "9,000 messages", lambda f: replace(f, broker=BrokerReading({"results": Depth(9000, 2.0)}, True))),
    ("backlog", "for 15 min", lambda f: replace(f, broker=BrokerReading({"results": Depth(9, 900.0)}, True))),
    ("no_consumer", "4 tasks wait", lambda f: replace(f, queues={"collect.other": 4})),
    ("dead_letters", "2 malformed", lambda f: _database(f, letters={"malformed": 2})),
    ("outbox_dead", "3 batches are dead (finfleet outbox dead): no", _unsent(pending=0, dead=3, dead_error="no")),
    ("outbox_failing", "7 batches wait", _unsent(failures=5, error="Connection refused")),
    (
        "outbox_failing",
        "1 tries failed: Connection refused",
        _unsent(failures=1, oldest=90.0, error=_REFUSED),
    ),
    ("outbox_stuck", "the oldest for 20 min", _unsent(oldest=1200.0)),
]


def test_a_fleet_of_which_nothing_is_wrong_has_no_problem() -> None:
    assert problems_of(healthy()) == []


@pytest.mark.parametrize(("kind", "says", "change"), CASES, ids=[f"{kind}-{says[:20]}" for kind, says, _ in CASES])
def test_each_kind_is_found_and_nothing_else(kind: str, says: str, change: Callable[[Facts], Facts]) -> None:
    (problem,) = problems_of(change(healthy()))
    assert problem.kind == kind
    assert says in problem.line


def test_without_the_targets_nobody_can_tell() -> None:
    facts = healthy()
    assert not facts.blind
    assert replace(facts, database_fault="database db does not answer").blind
    assert _database(facts, lateness=None).blind


def test_every_kind_has_a_case_and_a_line_in_the_documentation() -> None:
    names = [kind.name for kind in KINDS]
    assert {kind for kind, _, _ in CASES} == set(names)
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8").partition("## Logs")[0]
    assert re.findall(r"^\| `(\w+)` \| (.+) \|$", text, re.MULTILINE) == [(kind.name, kind.means) for kind in KINDS]


@pytest.mark.parametrize(
    "change",
    [
        _lateness(lag=10 * MINUTE, open_for=10 * MINUTE),
        _lateness(lag=600 * MINUTE, open_for=MINUTE),  # a target that was just enabled, with a back-fill
        _lateness(covered_until=None, lag=600 * MINUTE, open_for=MINUTE),
        _lateness(interval=timedelta(days=1), lag=timedelta(days=1), open_for=timedelta(days=1)),
        _fleet(process("beat"), process("beat"), process("ingest")),
        _fleet(process("worker aws", 100, stopped=True, queues="collect.aws")),
        _fleet(process("forward", 100, 200, stopped=True)),
        lambda facts: _database(facts, processes=[], lateness=[lateness()]),  # of a release without signs of life
        lambda facts: _database(facts, processes=None),
        lambda facts: _database(facts, processes=[], newest_sign=60.0),
        lambda facts: replace(facts, queues=None),
        _unsent(pending=100, oldest=30.0),
        _unsent(failures=1, error="timed out", oldest=3.0),
        _unsent(destination="gone", oldest=1000.0),  # removed from the configuration
    ],
)
def test_what_goes_its_usual_way_is_no_trouble(change: Callable[[Facts], Facts]) -> None:
    assert problems_of(change(healthy())) == []


def test_one_cause_of_many_targets_is_one_problem() -> None:
    targets = [Target("aws", f"a{n}", "us-east-1", "ec2") for n in range(40)]
    found = [BadWindows(target, "denied", "ec2:X", "no", 1, NOW, NOW) for target in targets]
    (problem,) = problems_of(_database(healthy(), bad=found))
    assert problem.line.startswith("denied: aws/a0/us-east-1/ec2, aws/a1/us-east-1/ec2 and 38 more: grant ec2:X")


@pytest.mark.parametrize(
    ("role", "name"),
    [("ingest", "ingest"), ("worker plan", "plan"), ("worker push", "push"), ("worker aws", "collect.aws")],
)
def test_what_finfleet_up_tells_is_not_told_twice(role: str, name: str) -> None:
    dead = process(role, 100, pid=2**22 + 1, machine=this_machine())
    facts = _database(healthy(), processes=[*FLEET, dead])
    (problem,) = problems_of(facts)
    assert problem.line == f"process_vanished: {role} on host-1 (process {dead.pid}): {_DEAD}"
    told = [one.kind for one in problems_of(replace(facts, beside=(f"{name} of finfleet up does not run",)))]
    assert told == ["process_down"]
    told = [one.kind for one in problems_of(replace(facts, beside=("beat of finfleet up does not run",)))]
    assert told == ["process_down", "process_vanished"]


def test_filters_leave_out_the_trouble_of_other_targets_only() -> None:
    facts = replace(_bad("denied", "ec2:X")(healthy()), broker_fault="broker b does not answer")
    kinds = [one.kind for one in problems_of(facts)]
    assert kinds == ["broker", "denied"]
    for filters in (Filters(providers=("gcp",)), Filters(patterns=("gcp/*", "aws/*/eu-*/*"))):
        assert [one.kind for one in problems_of(replace(facts, filters=filters))] == ["broker"]
    assert [one.kind for one in problems_of(replace(facts, filters=Filters(patterns=("aws/*",))))] == kinds


def test_without_an_ingest_all_its_queues_wait_and_nobody_else_is_judged_by_them() -> None:
    facts = _fleet(process("ingest", 100), without="ingest")(healthy())
    found = problems_of(facts)
    assert [one.kind for one in found] == ["process_vanished", "no_consumer"]
    assert found[1].line == "no_consumer: results: 3 messages wait, and no ingest lives"
