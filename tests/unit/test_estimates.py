"""An estimate that fails, of whatever service, is unknown: the plan of the others is made."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from agents.core.context import Context
from agents.core.service import Estimate, Service
from storage.ledger import TargetPlan
from telemetry.records import Record
from telemetry.settings import Settings
from telemetry.target import Target, Window
from workers.estimates import Estimates
from workers.plan_lines import line_of


class _Broken(Service):
    provider, name = "elsewhere", "broken"
    interval, delay, permissions = timedelta(minutes=5), timedelta(0), ()

    def collect(self, context: Context, target: Target, window: Window) -> Iterator[Record]:
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
