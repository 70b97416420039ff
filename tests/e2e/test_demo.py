"""The demo as a program, and that it would notice if anything were wrong: each count that disagrees is a problem."""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest

from emulators.demo.checks import least_calls, problems
from emulators.demo.facts import Facts

SINCE = datetime(2026, 11, 24, 5, tzinfo=UTC)
Change = Callable[[Facts], Facts]


@pytest.mark.timeout(180)
@pytest.mark.xdist_group("pipeline")
def test_the_demo_settles_and_every_count_agrees(short_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "emulators.demo", "--state", str(short_path / "demo")],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\nEvery window is settled and every count agrees" in done.stdout
    assert "PROBLEM" not in done.stdout
    for heading in ("Coverage: ", "In Postgres", "Cost per hour by instance type", "API calls", "Where to look"):
        assert f"\n{heading}" in done.stdout
    calls = {
        line.split()[0]: line.split()[1:3] for line in done.stdout.splitlines() if ":Describe" in line or ":Get" in line
    }
    assert calls.keys() >= {"ec2:DescribeInstances", "cloudwatch:GetMetricData", "pricing:GetProducts"}
    assert all(made == least for made, least in calls.values())
    assert "Traceback" not in done.stderr
    assert [
        process for process in psutil.process_iter(["cmdline"]) if str(short_path) in str(process.info["cmdline"])
    ] == []


def _target(region: str) -> dict[str, Any]:
    name = f"aws/default/{region}/ec2"
    counts = {"planned": 24, "complete": 24, "empty": 0, "failed": 0, "waiting": 0, "gaps": 0}
    span = {"since": SINCE, "until": SINCE + timedelta(hours=2)}
    return {"target": name, "provider": "aws", "region": region, **span, **counts}


def _facts() -> Facts:
    """What a run that went well finds: 150 instances in one region, 128 of 10 kinds running, none of them spot."""
    region, host = _target("us-east-1"), {**_target("local"), "target": "generic/default/local/host"}
    calls = {"ec2": ("DescribeInstances", 24), "cloudwatch": ("GetMetricData", 48), "pricing": ("GetProducts", 10)}
    return Facts(
        targets=[region, {**host, "provider": "generic", "planned": 3, "complete": 3}],
        stored=[
            {"provider": "aws", "region": "us-east-1", "resources": 150, "points": 10_000},
            {"provider": "generic", "region": "local", "resources": 1, "points": 77},
        ],
        rates=[],
        unpriced=0,
        metered=[{"api": f"{service}:{action}", "calls": count} for service, (action, count) in calls.items()],
        outbox={"sent": 27, "pending": 0, "dead": 0, "dead_letters": 0, "batches": 27},
        asked={f"{service}.{action}": count for service, (action, count) in calls.items()},
        seed={
            "regions": {
                "us-east-1": {"instances": 150, "by_state": {"running": 128}, "products": 10, "running_spot": 0}
            }
        },
        expected_points={"us-east-1": 10_000},
        received=Counter({f"key-{number}": 1 for number in range(27)}),
        agents=2,
    )


def test_facts_that_agree_are_no_problem() -> None:
    facts = _facts()
    # 128 instances with 4 metrics are 512 queries: 2 calls of 500 for each of 24 windows.
    assert least_calls(facts)["cloudwatch:GetMetricData"] == 48
    assert list(problems(facts)) == []


def test_spot_prices_are_asked_for_once_a_window_where_there_are_spot_instances() -> None:
    facts = _facts()
    assert "ec2:DescribeSpotPriceHistory" not in least_calls(facts)
    facts.seed["regions"]["us-east-1"]["running_spot"] = 7
    assert least_calls(facts)["ec2:DescribeSpotPriceHistory"] == 24


def _of_target(**changes: Any) -> Change:
    return lambda facts: replace(facts, targets=[{**facts.targets[0], **changes}, *facts.targets[1:]])


def _of_stored(**changes: Any) -> Change:
    return lambda facts: replace(facts, stored=[{**facts.stored[0], **changes}, *facts.stored[1:]])


def _of_outbox(**changes: int) -> Change:
    return lambda facts: replace(facts, outbox={**facts.outbox, **changes})


def _asked(**changes: int) -> Change:
    return lambda facts: replace(facts, asked={**facts.asked, **{k.replace("_", "."): v for k, v in changes.items()}})


def _asked_and_metered(facts: Facts) -> Facts:
    """Both agree on a call that was not needed."""
    metered = deepcopy(facts.metered)
    metered[0]["calls"] += 1
    return replace(_asked(ec2_DescribeInstances=25)(facts), metered=metered)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param(_of_stored(points=9_999), "10000 datapoints at AWS, 9999 in Postgres", id="a point is missing"),
        pytest.param(_of_stored(points=10_001), "10000 datapoints at AWS, 10001 in Postgres", id="a point too many"),
        pytest.param(_of_stored(resources=149), "150 instances at AWS, 149 in Postgres", id="an instance is missing"),
        pytest.param(_of_target(waiting=1, complete=23), "1 windows wait", id="a window waits"),
        pytest.param(_of_target(failed=1, complete=23), "1 failed", id="a window failed"),
        pytest.param(_of_target(gaps=1), "1 gaps", id="a gap"),
        pytest.param(_of_target(planned=23, complete=23), "24 windows owed, 23 planned", id="one was never planned"),
        pytest.param(_of_target(empty=1, complete=23), "24 planned, 23 complete", id="a window came out empty"),
        pytest.param(
            lambda facts: replace(facts, targets=facts.targets[:1]), "no window of this host", id="no host at all"
        ),
        pytest.param(_asked(ec2_DescribeInstances=25), "AWS counted", id="a call that nobody metered"),
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
