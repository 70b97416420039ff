"""What ``finfleet plan`` says is what the clouds count: for the services of the demo, with tags and a back-fill.

Neither side knows of the other: a call more or less of a collection, or of an estimate, is a difference here.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from agents.core.context import Shared
from agents.testing.collecting import collect
from emulators.azure import DEFAULT_SUBSCRIPTION
from emulators.azure.seed import seed_costs as azure_costs
from storage import ledger
from storage.database import Connection, Database
from storage.reports import metered, newest_readings, planned_readings, resources_by_target, waiting_windows
from tasks.targets import Planned, plan_targets
from telemetry.settings import Settings
from tests.support import writing as w
from tests.support.answers.clouds import CLOUDS, Cloud, shared_of, standing_cloud
from tests.support.azure import add_vm, standing_azure
from tests.support.costs import cost_line, days_back
from tests.support.ec2 import NOW, add_instance, standing_aws
from workers.estimates import Estimates
from workers.plan_compare import compare
from workers.plan_lines import Line, lines_of

_SECTIONS: Mapping[str, dict[str, Any]] = {
    "aws": {
        "services": ("ec2", "cost"),
        "cost_tags": ("team", "owner", "stage"),
        "backfill": {"cost": "4d", "ec2": "40m"},
    },
    "azure": {
        "services": ("virtual_machines", "cost"),
        "cost_tags": ("team",),
        "backfill": {"cost": "4d", "virtual_machines": "40m"},
    },
    "gcp": {"services": ("compute", "billing"), "backfill": {"billing": "4d", "compute": "40m"}},
}
_SIZE = 3
#: Prices, which a process looks up once, and for nothing.
_LOOKED_UP = {"pricing:GetProducts", "retailprices:items"}
#: Dollars a call, as AWS publishes it; not read from what is tested.
_CENT = Decimal("0.01")


@dataclass
class _Fleet:
    """Clouds, a configuration and a ledger, of which a test is the workers."""

    clouds: Mapping[str, Cloud]
    settings: Settings
    shared: Shared
    connection: Connection

    @property
    def planned(self) -> list[Planned]:
        return list(plan_targets(self.settings).values())

    def plan(self, assumed: int | None = None) -> list[Line]:
        """As the command makes it."""
        estimates = Estimates(
            self.settings, NOW, resources_by_target(self.connection), newest_readings(self.connection, NOW), assumed
        )
        return list(lines_of(self.planned, estimates, waiting_windows(self.connection, NOW)))

    def open(self) -> None:
        """As the planner does."""
        for one in self.planned:
            ledger.sync_targets(self.connection, one.targets, *one.service.key, NOW)
            ledger.open_windows(self.connection, *one.service.key, NOW)

    def work(self, most: Mapping[str, int] | None = None) -> Counter[tuple[str, str]]:
        """Collect what is due, ``most`` windows of each target of a service; the calls that the clouds counted."""
        for cloud in self.clouds.values():
            cloud.reset_calls()
        done: Counter[str] = Counter()
        for one in ledger.take_due(
            self.connection, None, NOW, lease=NOW - NOW, max_attempts=3, max_in_flight=1000, limit=1000
        ):
            done[str(one.target)] += 1
            if most is not None and done[str(one.target)] > most[one.target.service]:
                ledger.give_back(self.connection, [one], NOW - NOW, NOW)
                continue
            found = collect(self.shared, one.target, one.window, one.attempt)
            assert found.error is None, found.error
            w.put(self.connection, *found.batches, found.report, now=NOW)
        return Counter(
            {
                (provider, api.replace(".", ":") if provider == "aws" else api): calls
                for provider, cloud in self.clouds.items()
                for api, calls in _counted(cloud).items()
                if not api.startswith(("login:", "oauth2:"))
            }
        )


def _counted(cloud: Any) -> Mapping[str, int]:
    """The calls by API that a local cloud has counted."""
    found: Mapping[str, int] = cloud.calls()
    return found


def _exact(provider: str) -> Cloud:
    """A cloud of which everything can be told beforehand: what there is runs, is measured, and is billed one way."""
    if provider == "aws":
        aws = standing_aws()
        for number in range(_SIZE):
            add_instance(aws, number)
        aws.costs.load([cost_line("1", day=days_back(days), tags={"team": "a"}) for days in range(1, 6)])
        return aws.start()
    if provider == "azure":
        azure = standing_azure()
        for number in range(_SIZE):
            add_vm(azure, number)
        azure_costs(azure, 6, [DEFAULT_SUBSCRIPTION], lines_per_day=4)
        return azure.start()
    return standing_cloud(provider)


@contextmanager
def _started(make: Callable[[str], Cloud]) -> Iterator[dict[str, Cloud]]:
    with ExitStack() as stack:
        clouds = {provider: make(provider) for provider in CLOUDS}
        for cloud in clouds.values():
            stack.callback(cloud.stop)
        yield clouds


def _configured(clouds: Mapping[str, Cloud], without: str = "") -> Settings:
    sections = {}
    for provider, cloud in clouds.items():
        given = shared_of(cloud).settings.provider(provider)
        assert given is not None
        options = type(given).model_validate(_SECTIONS[provider])
        more = {name: getattr(options, name) for name in _SECTIONS[provider]}
        more["services"] = tuple(name for name in more["services"] if name != without)
        sections[provider] = given.model_copy(update=more)
    return Settings.model_validate({}).model_copy(update=sections)


@pytest.fixture(scope="module")
def clouds() -> Iterator[dict[str, Cloud]]:
    """They are only read."""
    with _started(standing_cloud) as running:
        yield running


@pytest.fixture
def fleet(database: Database, clouds: dict[str, Cloud]) -> Iterator[_Fleet]:
    settings = _configured(clouds)
    with database.connection() as connection:
        yield _Fleet(clouds, settings, Shared(settings, now=lambda: NOW), connection)


def _once(lines: list[Line]) -> Counter[tuple[str, str]]:
    """Calls of the back-fill, by provider and API."""
    found: Counter[tuple[str, str]] = Counter()
    for line in lines:
        for api, calls in (line.backfill_calls or {}).items():
            found[line.service.partition("/")[0], api] += calls
    return found


def _usd(lines: list[Line]) -> dict[str, Decimal]:
    found: Counter[str] = Counter()
    for line in lines:
        for api, usd in (line.backfill_usd_by_api or {}).items():
            found[api] += usd  # type: ignore[assignment]  # a Counter of Decimal
    return {api: Decimal(usd) for api, usd in found.items() if usd}


def test_the_first_day_takes_what_was_planned_before_anything_was_collected(database: Database) -> None:
    with _started(_exact) as clouds, database.connection() as connection:
        settings = _configured(clouds, without="compute")  # its series are as many as there are agents
        fleet = _Fleet(clouds, settings, Shared(settings, now=lambda: NOW), connection)
        lines = fleet.plan(assumed=_SIZE)
        assert {line.basis for line in lines} == {"estimated"}
        fleet.open()
        counted = fleet.work()
        made = {place: calls for place, calls in counted.items() if place[1] not in _LOOKED_UP}
        assert dict(_once(lines)) == made
        assert made["aws", "ce:GetCostAndUsage"] == 3 * (1 + 1 + 3)
        spent = {one.api: one.usd for one in metered(fleet.connection, NOW) if one.usd}
        assert _usd(lines) == spent
        assert spent["ce:GetCostAndUsage"] == made["aws", "ce:GetCostAndUsage"] * _CENT


def test_the_back_fill_takes_the_calls_and_the_dollars_that_were_planned(fleet: _Fleet) -> None:
    fresh = {line.service: line for line in fleet.plan()}
    # Nobody has looked yet. Three days of bills: what their tags take is in it, what their record types take is open.
    assert fresh["aws/cost"].backfill_windows == 3
    assert fresh["aws/cost"].backfill_calls == {"ce:GetCostAndUsage": 3 * (2 + 3)}
    assert (fresh["aws/cost"].bound, fresh["aws/cost"].backfill_usd) == ("at least", 15 * _CENT)
    assert fresh["azure/cost"].backfill_calls == {"costmanagement:query": 3 * (2 + 2)}
    for service in ("aws/ec2", "azure/virtual_machines", "gcp/compute"):
        unknown = fresh[service]
        assert (unknown.usd_per_day, unknown.backfill_usd, unknown.basis) == (None, None, "unknown")
        assert unknown.backfill_windows == 6

    fleet.open()
    assert {line.service: line.backfill_windows for line in fleet.plan()} == {
        name: line.backfill_windows for name, line in fresh.items()
    }, "the windows that were planned are those that are opened"

    first = fleet.work({"ec2": 3, "virtual_machines": 3, "compute": 3, "cost": 2, "billing": 2})
    assert first["aws", "ce:GetCostAndUsage"] >= 2 * (2 + 3), "at least is a least"
    lines = fleet.plan()
    assert {line.basis for line in lines} == {"measured"}
    before = {(one.provider, one.api): one.usd for one in metered(fleet.connection, NOW)}
    counted = fleet.work()
    assert _once(lines) == counted
    spent: Counter[str] = Counter()
    for one in metered(fleet.connection, NOW):
        assert one.usd is not None
        more = one.usd - (before.get((one.provider, one.api)) or 0)
        spent[one.api] += more  # type: ignore[assignment]  # a Counter of Decimal
    assert _usd(lines) == {api: usd for api, usd in spent.items() if usd}
    assert _usd(lines)["ce:GetCostAndUsage"] == counted["aws", "ce:GetCostAndUsage"] * _CENT
    assert all(line.backfill_windows == 0 for line in fleet.plan()), "and nothing is left of it"


def test_a_tag_more_is_in_the_plan_before_it_is_measured(fleet: _Fleet) -> None:
    fleet.open()
    fleet.work()
    (before,) = (line for line in fleet.plan() if line.service == "aws/cost")
    assert before.calls_per_day == {"ce:GetCostAndUsage": 7 * (1 + 2 + 3)}, "read once and again six times"
    assert (before.usd_per_day, before.basis, before.bound) == (42 * _CENT, "measured", "")
    tags = ("team", "owner", "stage", "app", "owner2", "owner3")
    aws = fleet.settings.provider("aws")
    assert aws is not None
    fleet.settings = fleet.settings.model_copy(update={"aws": aws.model_copy(update={"cost_tags": tags})})
    (after,) = (line for line in fleet.plan() if line.service == "aws/cost")
    assert after.calls_per_day == {"ce:GetCostAndUsage": 7 * (2 + 6)}
    assert (after.bound, after.why) == ("at least", "the configuration has changed since the last readings")


def test_after_a_week_it_says_how_far_the_estimates_were_off(fleet: _Fleet) -> None:
    fleet.open()
    counted = fleet.work()
    estimates = Estimates(fleet.settings, NOW, resources_by_target(fleet.connection))
    since = NOW.replace(hour=0)
    planned = planned_readings(fleet.connection, since, NOW + (NOW - since), [])
    found = compare(planned, metered(fleet.connection, since), estimates, since)
    assert (found.planned, found.reported, found.incomplete) == (27, 27, [])
    rows = {(one.service, one.api): one for one in found.differences}
    bill = rows["aws/cost", "ce:GetCostAndUsage"]
    assert (bill.estimated_calls, bill.metered_calls) == (15, 18)
    assert (bill.estimated_usd, bill.metered_usd, bill.off_by) == (15 * _CENT, 18 * _CENT, "+20%")
    assert {api: one.metered_calls for (_, api), one in rows.items() if not api.startswith("login:")} == {
        api: calls for (_, api), calls in counted.items()
    }


def test_the_comparison_says_what_it_lacks(fleet: _Fleet) -> None:
    fleet.open()
    fleet.work({"ec2": 1, "virtual_machines": 0, "compute": 0, "cost": 1, "billing": 0})
    since = NOW.replace(hour=0)
    planned = planned_readings(fleet.connection, since, NOW + (NOW - since), [])
    estimates = Estimates(fleet.settings, NOW, resources_by_target(fleet.connection))
    found = compare(planned, metered(fleet.connection, since), estimates, since)
    assert "24 windows of this time are not collected (yet), and are estimated all the same" in found.incomplete
    assert "gcp/compute: 6 readings could not be estimated: its size is not known" in found.incomplete
