"""Agents that run by themselves ask for a price once, whichever of them asks first."""

import math
from pathlib import Path

import pytest

from agents.core.reading import Reading
from agents.standalone.agent import make_shared, read
from emulators.aws.seed import seed_ec2
from telemetry.target import Target
from tests.support.clocks import agents_at
from tests.support.ec2 import NOW, REGION, TARGET, settings, standing_aws


def test_the_next_agent_finds_the_prices_of_the_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    agents_at(monkeypatch, NOW)
    target = Target.parse(TARGET)
    with standing_aws() as aws:
        seed_ec2(aws, 40, [REGION], hours_back=1, hours_ahead=0)
        first = read(make_shared(settings(aws), price_cache=tmp_path), target)
        asked = aws.calls()["pricing.GetProducts"]
        assert asked > 1
        assert any(one.cost_per_hour > 0 for one in first)
        assert any(math.isnan(one.cost_per_hour) for one in first), "an unknown price is kept too"

        second = read(make_shared(settings(aws), price_cache=tmp_path), target)

        assert aws.calls()["pricing.GetProducts"] == asked
        assert _prices(second) == _prices(first)


def _prices(readings: list[Reading]) -> dict[str, str]:
    return {one.resource.resource_id: repr(one.cost_per_hour) for one in readings}
