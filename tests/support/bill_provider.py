"""A provider of another distribution that delivers a bill: what lies there is what a file says, and gates stop it."""

from pathlib import Path

from tests.support.distributions import add_distribution

_PROVIDER = '''
from agents.core.provider import Provider
from telemetry.settings.providers import ProviderSettings


class BillSettings(ProviderSettings):
    """``bill:``."""


class Bill(Provider):
    """Delivers a bill."""

    name = "bill"
    title = "A bill"
    settings = BillSettings
    services = "finfleet_bill.services"
'''
_SERVICES = '''
import os
import time
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from agents.core.service import Estimate, Service, service
from telemetry.costs import CostLine
from telemetry.deliveries import DeliveredFile, Delivery, DeliveryState

STATE = Path(os.environ["BILL_STATE"])


def _gate(step, window):
    while (STATE / f"stop-{step}-{window.start:%Y-%m}").exists():
        (STATE / f"at-{step}-{window.start:%Y-%m}").touch()
        time.sleep(0.02)


@service("bill", "looks")
class Looks(Service):
    """Looks for the bill, once a day."""

    interval = timedelta(days=1)
    delay = timedelta(0)
    permissions = ()
    delivers = "reads"

    def parts(self, section, account):
        return ("export",)

    def collect(self, context, target, window):
        yield from ()

    def estimate(self, window, resources):
        return Estimate({}, Decimal(0))


@service("bill", "reads")
class Reads(Looks):
    """Reads the bill that lies there, of as many rows as its version says."""

    interval = timedelta(days=31)
    delivers = ""
    delivered = True
    brings_bills = True

    def collect(self, context, target, window):
        version = (STATE / "version").read_text()
        rows = int(version)
        _gate("pinned", window)
        for row in range(rows):
            if row == rows - 1:
                _gate("publishing", window)
            yield CostLine(
                start=window.start, end=window.start + timedelta(days=1), currency="USD", billed_cost=Decimal(rows),
                sub_account_id="1", resource_id=str(row),
                billing_period_start=window.start, billing_period_end=window.end,
            )
        _gate("proving", window)
        yield Delivery(
            state=DeliveryState.READ, period_start=window.start, period_end=window.end, version=version,
            files=[DeliveredFile(name="bill.csv", rows=rows)], rows_read=rows,
        )
'''


def add_bill_provider(packages: Path) -> None:
    """Install it into a directory of packages."""
    home = packages / "finfleet_bill"
    (home / "services").mkdir(parents=True)
    for file, text in {
        "__init__.py": "",
        "provider.py": _PROVIDER,
        "services/__init__.py": "",
        "services/all.py": _SERVICES,
    }.items():
        (home / file).write_text(text, encoding="utf-8")
    add_distribution(packages, "finfleet-bill", "finfleet.providers", {"bill": "finfleet_bill.provider:Bill"})
