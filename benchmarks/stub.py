"""A provider that costs nothing but time: its one API sleeps, and answers with a few points."""

from __future__ import annotations

from pathlib import Path

_PROVIDER = '''
from agents.core.provider import Provider
from telemetry.settings.providers import AccountEntry, ProviderSettings


class StubSettings(ProviderSettings):
    """``stub:``."""

    regions: tuple[str, ...] = ("region-1",)
    accounts: tuple[AccountEntry, ...] = ()

    def _regions(self):
        return self.regions

    def _entries(self):
        return self.accounts


class Stub(Provider):
    """Answers after a while."""

    name = "stub"
    title = "Stub"
    settings = StubSettings
    services = "finfleet_stub.services"
'''
_SERVICES = '''
import os
import time
from datetime import timedelta
from decimal import Decimal

from agents.core.service import Estimate, Service, service
from telemetry.records import MetricPoint, Resource

_SECONDS = float(os.environ.get("STUB_SECONDS", "0.05"))
_CALLS = int(os.environ.get("STUB_CALLS", "1"))
_SLOW_SECONDS = float(os.environ.get("STUB_SLOW_SECONDS", "1"))


class Stub(Service):
    """Points of one resource."""

    interval = timedelta(minutes=5)
    delay = timedelta(0)
    permissions = ()
    calls = _CALLS
    seconds = _SECONDS

    def collect(self, context, target, window):
        for _ in range(self.calls):
            context.meter.call("stub:Read")
            time.sleep(self.seconds)
        resource = Resource(
            provider="stub", account=target.account, region=target.region, service=target.service, resource_id="one"
        )
        for minute in range(5):
            yield MetricPoint(
                resource=resource, metric="reading", source_metric="reading", unit="count", statistic="gauge",
                start=window.start + timedelta(seconds=minute), period=0, value=7.0,
            )

    def estimate(self, window, resources):
        return Estimate({"stub:Read": self.calls}, Decimal(0))


def _quick(number):
    @service("stub", f"quick{number}")
    class Quick(Stub):
        pass


for _number in range(1, 9):
    _quick(_number)


@service("stub", "metered")
class Metered(Stub):
    """Of a paid API."""

    paid = {"stub:Paid": Decimal("0.01")}


@service("stub", "bills")
class Bills(Stub):
    """Takes its time."""

    brings_bills = True
    calls = 1
    seconds = _SLOW_SECONDS
'''


def add_stub(packages: Path) -> None:
    """Install the provider ``stub`` into a directory of packages; its services are quick1 to quick8, metered, bills.

    The variables STUB_SECONDS, STUB_CALLS and STUB_SLOW_SECONDS say how long it takes.
    """
    home = packages / "finfleet_stub"
    (home / "services").mkdir(parents=True)
    for name, text in {
        "__init__.py": "",
        "provider.py": _PROVIDER,
        "services/__init__.py": "",
        "services/all.py": _SERVICES,
    }.items():
        (home / name).write_text(text, encoding="utf-8")
    about = packages / "finfleet_stub-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: finfleet-stub\nVersion: 1.0\n", encoding="utf-8")
    entries = "[finfleet.providers]\nstub = finfleet_stub.provider:Stub\n"
    (about / "entry_points.txt").write_text(entries, encoding="utf-8")
