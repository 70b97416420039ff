"""Which lane a service is in: by what it is, never by its name."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from agents.core.service import Service, services
from tasks.handing import next_close
from tasks.lanes import LANES, LIVE, PAID, SLOW, lane_of, queues_of
from tasks.targets import plan_targets
from telemetry.settings import load_settings
from workers.commands import worker


@pytest.mark.parametrize("service", services().values(), ids=lambda service: "/".join(service.key))
def test_every_service_is_in_the_lane_of_what_it_does(service: Service) -> None:
    lane = lane_of(service)
    assert lane in {"", *LANES}
    assert (lane == SLOW) == service.brings_bills
    assert (lane == LIVE) == (service.live and not service.brings_bills)
    assert lane != PAID or service.paid


def test_a_service_may_go_over_its_accounts_queues_and_its_lane_of_each(tmp_path: Path) -> None:
    path = tmp_path / "telemetry.yaml"
    path.write_text("aws: {services: [ec2, cost], accounts: [{name: a}, {name: b, queue: own}]}", encoding="utf-8")
    planned = plan_targets(load_settings(path, {}))
    assert queues_of(planned["aws", "ec2"]) == {"collect.aws", "collect.aws.paid", "own", "own.paid"}
    assert queues_of(planned["aws", "cost"]) == {"collect.aws", "collect.aws.slow", "own", "own.slow"}


@pytest.mark.parametrize(
    ("named", "taken"),
    [
        (("own",), ("own", "own.paid", "own.slow")),
        (("own.slow",), ("own.slow",)),
        (("own.slow", "own.paid"), ("own.paid", "own.slow")),
        ((), ("collect.aws", "collect.aws.paid", "collect.aws.slow", "own", "own.paid", "own.slow")),
    ],
)
def test_a_worker_for_the_queue_of_one_account_takes_its_lanes_too(
    tmp_path: Path, named: tuple[str, ...], taken: tuple[str, ...]
) -> None:
    path = tmp_path / "telemetry.yaml"
    path.write_text("aws: {services: [ec2, cost], accounts: [{name: a}, {name: b, queue: own}]}", encoding="utf-8")
    assert worker._queues(load_settings(path, {}), "aws", named) == taken


@pytest.mark.parametrize(
    ("now", "closes"),
    [("12:00:00", "12:03:00"), ("12:02:59", "12:03:00"), ("12:03:00", "12:08:00"), ("12:07:59", "12:08:00")],
)
def test_a_window_closes_when_its_delay_ends(tmp_path: Path, now: str, closes: str) -> None:
    path = tmp_path / "telemetry.yaml"
    path.write_text("aws: {services: [ec2], collection_interval: 300}", encoding="utf-8")
    plan = plan_targets(load_settings(path, {}))["aws", "ec2"]
    # As if the delay were three minutes.
    shift = plan.targets[0].delay - timedelta(minutes=3)
    at, expected = (datetime.fromisoformat(f"2026-11-24T{clock}+00:00") for clock in (now, closes))
    assert next_close(plan, at + shift) == expected + shift
