"""Compares what the fleet says with what the clouds hold: any difference is a fault of the demo."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from math import ceil

from emulators.demo.config import INTERVAL, METRICS
from emulators.demo.facts import Facts

_QUERIES_A_CALL = 500  # GetMetricData
_INSTANCES_A_PAGE = 1000  # DescribeInstances


def least_calls(facts: Facts) -> dict[str, int]:
    """The fewest calls that the collected windows can take, by API."""
    describes = metrics = prices = spots = 0
    for row in facts.targets:
        if row["provider"] != "aws":
            continue
        region = facts.seed["regions"][row["region"]]
        running = region["by_state"]["running"]
        describes += row["planned"] * ceil(region["instances"] / _INSTANCES_A_PAGE)
        metrics += row["planned"] * ceil(running * METRICS / _QUERIES_A_CALL)
        prices += region["products"]
        # The few changes that a window sees of all kinds fit on one page.
        spots += row["planned"] if region["running_spot"] else 0
    least = {
        "ec2:DescribeInstances": describes,
        "ec2:DescribeSpotPriceHistory": spots,
        "cloudwatch:GetMetricData": metrics,
        "pricing:GetProducts": prices,
    }
    return {api: calls for api, calls in least.items() if calls}


def problems(facts: Facts) -> Iterator[str]:
    """Every count that disagrees, in words; nothing where all is well."""
    yield from _coverage(facts)
    yield from _stored(facts)
    yield from _calls(facts)
    yield from _forwarded(facts)


def _coverage(facts: Facts) -> Iterator[str]:
    for row in facts.targets:
        if row["waiting"] or row["failed"] or row["gaps"]:
            yield f"{row['target']}: {row['waiting']} windows wait, {row['failed']} failed, {row['gaps']} gaps"
        if row["provider"] == "aws":
            owed = (row["until"] - row["since"]) / timedelta(seconds=INTERVAL)
            if not row["complete"] == row["planned"] == owed:
                yield f"{row['target']}: {owed:g} windows owed, {row['planned']} planned, {row['complete']} complete"
    if not any(row["provider"] == "generic" and row["complete"] for row in facts.targets):
        yield "generic: no window of this host was collected"


def _stored(facts: Facts) -> Iterator[str]:
    for row in facts.stored:
        if row["provider"] != "aws":
            continue
        held = facts.seed["regions"][row["region"]]["instances"]
        if row["resources"] != held:
            yield f"{row['region']}: {held} instances at AWS, {row['resources']} in Postgres"
        expected = facts.expected_points[row["region"]]
        if row["points"] != expected:
            yield f"{row['region']}: {expected} datapoints at AWS, {row['points']} in Postgres"


def _calls(facts: Facts) -> Iterator[str]:
    least = least_calls(facts)
    asked = {api.replace(".", ":"): calls for api, calls in facts.asked.items()}
    metered = {row["api"]: row["calls"] for row in facts.metered}
    if asked != metered:
        yield f"calls: AWS counted {asked}, the ledger {metered}"
    if asked != least:
        yield f"calls: {asked} were made, {least} would do"


def _forwarded(facts: Facts) -> Iterator[str]:
    outbox = facts.outbox
    if outbox["dead"] or outbox["dead_letters"] or outbox["pending"]:
        yield f"outbox: {outbox['pending']} wait, {outbox['dead']} dead; {outbox['dead_letters']} dead letters"
    if not outbox["sent"] == outbox["batches"] == len(facts.received):
        yield f"OpenFinOps holds {len(facts.received)} batches; {outbox['batches']} stored, {outbox['sent']} sent"
    if again := sum(count - 1 for count in facts.received.values()):
        yield f"OpenFinOps received {again} batches more than once"
