"""What each service says that a window takes is what its meter counts: of every service, with the options of each."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from agents.core.context import Shared
from agents.core.service import find, services
from agents.testing.collecting import check_estimate
from telemetry.target import Target
from tests.support.answers.clouds import CLOUDS, Cloud, shared_of, standing_cloud
from tests.support.collecting import collect
from tests.support.ec2 import NOW, REGION
from tests.support.polling import poll
from tests.support.scripted_http import ScriptedServer

_OPTIONS: dict[tuple[str, str], list[dict[str, Any]]] = {
    ("aws", "cost"): [{"cost_tags": ("team",)}, {"cost_tags": ("team", "absent", "owner")}],
    ("aws", "ec2"): [{"memory_dimensions": ("InstanceId", "AutoScalingGroupName")}],
    ("azure", "cost"): [{"cost_tags": ("team",)}, {"cost_tags": ("team", "absent")}],
    ("azure", "virtual_machines"): [{"logs_workspace_id": "00000000-0000-4000-8000-000000000001"}],
    ("gcp", "billing"): [{"budget_usd_per_day": 10}, {"billing_export_table": None}],
}
# Deliveries of bills lie in buckets of their own: their tests hold their services to what they say.
_KEYS = [key for key, one in services().items() if key[0] in CLOUDS and not (one.delivers or one.delivered)]
_CASES = [(key, options) for key in _KEYS for options in ({}, *_OPTIONS.get(key, ()))]


@pytest.fixture(scope="module")
def clouds() -> Iterator[dict[str, Cloud]]:
    with ExitStack() as stack:
        found: dict[str, Cloud] = {}
        for provider in CLOUDS:
            found[provider] = standing_cloud(provider)
            stack.callback(found[provider].stop)
        yield found


def _shared(cloud: Cloud, provider: str, options: dict[str, Any]) -> Shared:
    made = shared_of(cloud)
    section = made.settings.provider(provider)
    assert section is not None
    given = section.model_copy(update=options)
    return Shared(made.settings.model_copy(update={provider: given}), now=lambda: NOW)


@pytest.mark.parametrize(("key", "options"), _CASES, ids=lambda one: "/".join(map(str, one)) or "usual")
def test_of_a_cloud(clouds: dict[str, Cloud], key: tuple[str, str], options: dict[str, Any]) -> None:
    service = find(*key)
    shared = _shared(clouds[key[0]], key[0], options)
    target = Target(key[0], "default", REGION if service.regional else "global", key[1])
    window = service.latest_window(NOW, service.interval)
    collect(shared, target, window)
    found = collect(shared, target, window)
    check_estimate(found, len({one.resource_id for one in found.resources}), shared)


@pytest.mark.parametrize("kind", ["http_json", "prometheus"])
def test_of_a_source_of_ones_own(server: ScriptedServer, kind: str) -> None:
    check_estimate(poll(server.url, kind), 1)
