"""The demo as a program, and that it would notice if anything were wrong: each count that disagrees is a problem."""

import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psutil
import pytest

from emulators.demo.checks import problems
from emulators.demo.clouds import Expected, Planned
from emulators.demo.clouds.aws import running_aws
from emulators.demo.facts import Facts
from emulators.demo.place import place
from tests.support.clocks import STRICT
from tests.support.waiting import until
from workers.embedded import StateLock

SINCE = datetime(2026, 11, 24, 5, tzinfo=UTC)
Change = Callable[[Facts], Facts]


_DEMO = (sys.executable, *STRICT, "-m", "emulators.demo", "--keep", "--state")
_MAKE = "import subprocess, os, sys; subprocess.run([*sys.argv[1:], '--parent', str(os.getpid())])"
"""Stands for make, whose command is the demo."""


@contextmanager
def _started(command: Sequence[str | Path], output: Path) -> Iterator["subprocess.Popen[bytes]"]:
    with (
        output.open("wb") as file,
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT) as process,
    ):
        try:
            yield process
        finally:
            process.terminate()


def _living(directory: Path) -> list[str]:
    """The command lines of processes that name a directory, or what is in it."""
    lines = (" ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"]))
    return [line for line in lines if re.search(rf"{re.escape(str(directory))}(/|\\s|$)", line)]


@pytest.mark.timeout(180)
@pytest.mark.xdist_group("pipeline")
def test_the_demo_settles_and_every_count_agrees_and_nothing_is_left_of_it(short_path: Path) -> None:
    state, output = short_path / "demo", short_path / "output"
    with _started([*_DEMO, state], output) as demo:

        def settled() -> bool:
            assert demo.poll() is None, output.read_text()
            return "It runs until Ctrl-C." in output.read_text()

        until((state / "finfleet" / "lock").exists, 60, "it starts finfleet up")
        _check_second_demo(short_path)
        until(settled, 60, "all is settled and compared, which the second one has left alone")
        _check_report(output.read_text())
        demo.terminate()
        assert demo.wait(60) == 128 + signal.SIGTERM
    assert _living(short_path) == []
    assert "Traceback" not in output.read_text()


def _check_report(said: str) -> None:
    assert "\nEvery window is settled and every count agrees" in said
    assert "PROBLEM" not in said
    for heading in ("Coverage: ", "In Postgres", "Cost per hour by instance type", "The bill", "API calls"):
        assert f"\n{heading}" in said
    table = said.partition("\nAPI calls")[2].partition("\n\n")[0].splitlines()[2:]
    calls = {line.split()[1]: line.split()[2:4] for line in table}
    assert calls.keys() >= {"ec2:DescribeInstances", "ce:GetCostAndUsage", "monitoring:ListTimeSeries"}
    # How often S3 is asked for a manifest depends on which of two readers is the first.
    assert {api for api, (made, least) in calls.items() if made != least} == {
        "s3:GetObject", "s3:HeadObject", "s3:ListObjectsV2",
    }  # fmt: skip
    assert "\n  i-" in said.partition("\nThe bill of AWS by resource")[2]


def _check_second_demo(directory: Path) -> None:
    """It takes another directory; killed while it starts, with whoever started it, it leaves nothing running."""
    beside, output = directory / "demo-2", directory / "output-2"
    with _started([sys.executable, "-c", _MAKE, *_DEMO, directory / "demo"], output) as make:
        until((beside / "finfleet" / "postgres" / "lock").exists, 60, "its Postgres is about to start")
        make.kill()
    assert f"in {directory / 'demo'}: this one runs in {beside}" in output.read_text()
    until(lambda: not _living(beside) and not _living(Path(f"{directory / 'demo'} --parent")), 30, "it has ended")


def test_a_place_in_which_something_lives_is_left_alone(tmp_path: Path) -> None:
    wanted = tmp_path / "demo"
    said: list[str] = []
    with place(wanted, said.append) as (first, _):
        assert (first, said) == (wanted, [])
        (first / "data").touch()
        with place(wanted, said.append) as (second, _):
            assert second == tmp_path / "demo-2"
        assert (first / "data").exists()
        assert f"in {wanted}: this one runs in {second}" in said[0]
    with place(wanted, said.append) as (again, _):
        assert (again, list(again.iterdir())) == (wanted, [])
        server = again / "finfleet" / "postgres"
    with StateLock(server), place(wanted, said.append) as (other, _):  # as one of a demo that was killed
        assert other == tmp_path / "demo-2"
    with place(wanted, said.append) as (last, _):
        assert last == wanted


def _target(service: str, hours: int, interval: int) -> dict[str, Any]:
    place = {"provider": "aws", "account": "default", "region": "us-east-1", "service": service}
    windows = hours * 3600 // interval
    counts = {"planned": windows, "complete": windows, "empty": 0, "failed": 0, "waiting": 0, "gaps": 0}
    span = {"since": SINCE, "until": SINCE + timedelta(hours=hours), "interval_seconds": interval, "delivered": False}
    return {"target": f"aws/default/us-east-1/{service}", **place, **span, **counts}


def _facts() -> Facts:
    """What a run that went well finds: 150 instances with 10,000 points, and three days of the bill."""
    host = {**_target("host", 2, 300), "provider": "generic", "target": "generic/default/local/host"}
    calls = {"ec2:DescribeInstances": 24, "cloudwatch:GetMetricData": 48}
    bill = {"ce:GetCostAndUsage": 6}
    return Facts(
        targets=[_target("ec2", 2, 300), _target("cost", 72, 86_400), host],
        stored=[
            {"provider": "aws", "service": "ec2", "resources": 150, "points": 10_000},
            {"provider": "generic", "service": "host", "resources": 1, "points": 77},
        ],
        rates=[],
        unpriced=[],
        bills=[
            {"provider": "aws", "currency": "USD", "service": "Amazon EC2", "billed": Decimal("3.50")},
            {"provider": "aws", "currency": "USD", "service": "Amazon S3", "billed": Decimal("1.25")},
        ],
        dearest=[],
        metered=[{"provider": "aws", "api": api, "calls": count} for api, count in {**calls, **bill}.items()],
        outbox={"sent": 27, "pending": 0, "dead": 0, "dead_letters": 0, "batches": 27, "silent": 0},
        asked={"aws": {**calls, **bill}},
        expected={
            ("aws", "ec2"): Expected(150, 10_000, calls=calls),
            ("aws", "cost"): Expected(billed={"USD": Decimal("4.75")}, calls=bill),
        },
        received=Counter({f"key-{number}": 1 for number in range(27)}),
        agents=2,
    )


def test_facts_that_agree_are_no_problem() -> None:
    assert list(problems(_facts())) == []


def test_the_least_calls_to_aws_follow_from_what_it_holds(short_path: Path) -> None:
    with running_aws(short_path) as cloud:
        now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
        ec2 = [
            Planned("aws", "default", region, "ec2", now - timedelta(hours=1), now, windows=12)
            for region in ("us-east-1", "us-west-2")
        ]
        day = now.replace(hour=0)
        cost = [
            Planned("aws", "default", "global", "cost", day - timedelta(days=3), day - timedelta(days=1), windows=2)
        ]
        expected = cloud.expected(ec2)
        assert (expected.resources, expected.calls["ec2:DescribeInstances"]) == (300, 24)
        # About 130 running instances a region with 4 metrics are 520 queries at the most: 2 calls of 500 at the most.
        assert 24 <= expected.calls["cloudwatch:GetMetricData"] <= 48
        bill = cloud.expected(cost)
        assert bill.billed == {}, "the files count"
        files = [Planned("aws", "default", "cur", "bill_files", day - timedelta(days=60), day, windows=2)]
        assert cloud.expected(files).billed["USD"] > 0
        assert bill.calls["ce:GetCostAndUsage"] >= 4


def _of_target(**changes: Any) -> Change:
    return lambda facts: replace(facts, targets=[{**facts.targets[0], **changes}, *facts.targets[1:]])


def _of_stored(**changes: Any) -> Change:
    return lambda facts: replace(facts, stored=[{**facts.stored[0], **changes}, *facts.stored[1:]])


def _of_outbox(**changes: int) -> Change:
    return lambda facts: replace(facts, outbox={**facts.outbox, **changes})


def _asked(**changes: int) -> Change:
    more = {api.replace("_", ":"): calls for api, calls in changes.items()}
    return lambda facts: replace(facts, asked={"aws": {**facts.asked["aws"], **more}})


def _of_bills(**changes: Any) -> Change:
    return lambda facts: replace(facts, bills=[{**facts.bills[0], **changes}, *facts.bills[1:]])


def _asked_and_metered(facts: Facts) -> Facts:
    """Both agree on a call that was not needed."""
    metered = deepcopy(facts.metered)
    metered[0]["calls"] += 1
    return replace(_asked(ec2_DescribeInstances=25)(facts), metered=metered)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param(_of_stored(points=9_999), "10000 points in the cloud, 9999 in Postgres", id="a point is missing"),
        pytest.param(_of_stored(points=10_001), "10000 points in the cloud, 10001 in Postgres", id="a point too many"),
        pytest.param(
            _of_stored(resources=149), "150 resources in the cloud, 149 in Postgres", id="an instance is missing"
        ),
        pytest.param(_of_bills(billed=Decimal("3.51")), "4.75 USD billed, 4.76 in", id="a bill that differs"),
        pytest.param(_of_bills(billed=None), "4.75 USD billed, 1.25 in", id="a bill that is not told"),
        pytest.param(_of_bills(currency="EUR"), "None EUR billed, 3.50 in", id="another currency"),
        pytest.param(lambda facts: replace(facts, bills=[]), "4.75 USD billed, None in", id="no bill at all"),
        pytest.param(_of_target(waiting=1, complete=23), "1 windows wait", id="a window waits"),
        pytest.param(_of_target(failed=1, complete=23), "1 failed", id="a window failed"),
        pytest.param(_of_target(gaps=1), "1 gaps", id="a gap"),
        pytest.param(_of_target(planned=23, complete=23), "24 windows owed, 23 planned", id="one was never planned"),
        pytest.param(_of_target(empty=1, complete=23), "24 planned, 23 complete", id="a window came out empty"),
        pytest.param(
            lambda facts: replace(facts, targets=facts.targets[:2]), "no window of this host", id="no host at all"
        ),
        pytest.param(_asked(ec2_DescribeInstances=25), "aws counted", id="a call that nobody metered"),
        pytest.param(_asked_and_metered, "would do", id="a call too many"),
        pytest.param(_of_outbox(pending=1, sent=26), "1 wait", id="one is not forwarded"),
        pytest.param(_of_outbox(dead=1, sent=26), "1 dead;", id="one is dead"),
        pytest.param(_of_outbox(dead_letters=1), "1 dead letters", id="a dead letter"),
        pytest.param(_of_outbox(batches=28), "28 stored, 27 sent", id="one is not in the outbox"),
        pytest.param(
            lambda facts: replace(facts, received=Counter(dict(list(facts.received.items())[1:]))),
            "OpenFinOps holds 26 batches",
            id="one did not arrive",
        ),
        pytest.param(
            lambda facts: replace(facts, received=facts.received + Counter({"key-3": 1})),
            "1 batches more than once",
            id="one came twice",
        ),
    ],
)
def test_facts_that_disagree_are_told(change: Change, says: str) -> None:
    found = list(problems(change(_facts())))
    assert any(says in problem for problem in found), found
