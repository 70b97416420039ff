"""What a reading takes: measured, estimated or unknown; one that fails, of whatever service, harms no other."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from agents.core.context import Context
from agents.core.service import Estimate, Service, find, services
from storage.ledger import TargetPlan
from storage.reports import ApiReadings, Readings
from tasks.targets import plan_targets
from telemetry.records import Record
from telemetry.settings import Settings
from telemetry.target import Target, Window
from workers.commands.plan import _above_budgets
from workers.estimates import Estimates, Reading, Unknown
from workers.plan_lines import groups_of, line_of, lines_of


class _Broken(Service):
    provider, name = "elsewhere", "broken"
    interval, delay, permissions = timedelta(minutes=5), timedelta(0), ()

    def collect(self, context: Context, target: Target, window: Window) -> Iterator[Record]:
        # Only its estimate is asked for.
        raise NotImplementedError

    def estimate(self, window: Window, resources: int) -> Estimate:
        raise ZeroDivisionError((window, resources))


def test_it_is_unknown_and_the_log_says_of_which_service(caplog: pytest.LogCaptureFixture) -> None:
    service = _Broken()
    window = Window(datetime(2026, 11, 24, tzinfo=UTC), datetime(2026, 11, 24, 0, 5, tzinfo=UTC))
    assert service.estimated(window, 3) is None
    assert "elsewhere/broken cannot say what a window takes" in caplog.text
    target = TargetPlan(
        target=Target("elsewhere", "default", "global", "broken"),
        queue="collect.elsewhere",
        interval=service.interval,
        delay=service.delay,
        live=False,
        backfill=timedelta(0),
    )
    estimates = Estimates(Settings(), window.end, assumed=3)
    line = line_of(service, target, estimates, 0)
    assert (line.calls_per_day, line.usd_per_day, line.why) == (None, None, "its service cannot say what it takes")


def _reading(readings: Readings | None, settings: Settings, region: str = "us-east-1") -> Reading | Unknown:
    target = Target("aws", "default", region, "ec2")
    measured = {} if readings is None else {str(target): readings}
    now = datetime(2026, 11, 24, 12, 0, 30, tzinfo=UTC)
    return Estimates(settings, now, readings=measured).reading(find("aws", "ec2"), target, timedelta(minutes=5))


_AWS = Settings.model_validate({"aws": {"services": ["ec2"]}})


def test_the_last_readings_say_what_the_next_one_takes() -> None:
    apis = {
        "cloudwatch:GetMetricData": ApiReadings(4, 6, Decimal("0.0080")),
        "ec2:DescribeInstances": ApiReadings(4, 4, Decimal(0)),
        "pricing:GetProducts": ApiReadings(2, 60, Decimal(0)),
    }
    found = _reading(Readings(4, apis), _AWS)
    assert isinstance(found, Reading)
    assert found.calls == {"cloudwatch:GetMetricData": Decimal("1.5"), "ec2:DescribeInstances": 1}, "no look-up"
    assert (found.usd, found.basis, found.bound) == (Decimal("0.002"), "measured", "")


def test_a_price_that_is_not_known_is_no_zero() -> None:
    found = _reading(Readings(1, {"ec2:DescribeInstances": ApiReadings(1, 1, None)}), _AWS)
    assert isinstance(found, Reading)
    assert (found.usd, found.unpriced) == (None, "an API of it has no known price")


def test_regions_that_nobody_has_told_are_not_one() -> None:
    everywhere = Settings.model_validate({"aws": {"services": ["ec2"], "regions": "all"}})
    assert isinstance(_reading(None, everywhere, "all"), Unknown)


def test_a_size_that_is_not_known_is_unknown_where_it_matters() -> None:
    assert _reading(None, _AWS) == Unknown("not collected yet, so its size is not known: give --resources")


def test_a_day_that_costs_more_than_its_budget_is_said() -> None:
    settings = Settings.model_validate({"aws": {"services": ["cost"], "budget_usd_per_day": "0.1", "cost_tags": ["a"]}})
    (plan,) = plan_targets(settings).values()
    lines = list(lines_of([plan], Estimates(settings, datetime(2026, 11, 24, tzinfo=UTC)), {}))
    (said,) = _above_budgets(settings, lines)
    assert said.startswith("aws/default: at least USD 0.21 a day, and its budget_usd_per_day is 0.1")


_DELIVERED = [service for service in services().values() if service.delivered]
_UNPRICED = {("azure", "bill_files"), ("focus", "files")}
"""What a store takes for a request depends on the store."""


@pytest.mark.parametrize("service", _DELIVERED, ids=lambda service: "/".join(service.key))
def test_what_is_delivered_is_counted_by_its_deliveries_and_never_by_the_clock(service: Service) -> None:
    target = TargetPlan(
        target=Target(service.provider, "default", "export", service.name),
        queue="collect",
        interval=service.interval,
        delay=service.delay,
        live=False,
        delivered=True,
        backfill=timedelta(0),
    )
    now = datetime(2026, 11, 24, tzinfo=UTC)
    unknown = line_of(service, target, Estimates(Settings(), now, assumed=1), 2)
    assert (unknown.windows_per_day, unknown.calls_per_day, unknown.usd_per_day) == (None, None, None)
    assert unknown.why.startswith("read once for each version of each month that is delivered")
    assert (unknown.backfill_usd is None) == (service.key in _UNPRICED), "what waits is there to be read"
    assert groups_of([unknown])[0].readings is None
    told = Estimates(Settings(), now, assumed=1, deliveries={str(target.target): Decimal("2.5")})
    known = line_of(service, target, told, 0)
    once = line_of(service, target, told, 1)
    assert (known.windows_per_day, known.rereads_per_day) == (2.5, 0)
    assert (once.backfill_usd is None) == (service.key in _UNPRICED)
    assert known.usd_per_day == (once.backfill_usd and once.backfill_usd * Decimal("2.5"))
    assert unknown.bound == once.bound
    assert unknown.calls_per_delivery == once.backfill_calls
