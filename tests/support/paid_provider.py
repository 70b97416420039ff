"""A provider of another distribution whose API is paid by what it is asked for; written out for tests."""

from pathlib import Path

from tests.support.distributions import add_distribution

#: Dollars a unit; every reading is of one.
PRICE = "0.01"
_PROVIDER = '''
from agents.core.provider import Provider
from telemetry.settings.providers import ProviderSettings


class PaidSettings(ProviderSettings):
    """``paid:``."""


class Paid(Provider):
    """Readings that are paid for."""

    name = "paid"
    title = "Paid readings"
    settings = PaidSettings
    services = "finfleet_paid.services"
'''
_SERVICE = '''
from datetime import timedelta
from decimal import Decimal

from agents.core.limits import Quota
from agents.core.service import Estimate, Service, service
from agents.core.spend import charge
from telemetry.records import MetricPoint, Resource

_API = "paid:Read"


@service("paid", "readings")
class Readings(Service):
    """A reading an hour of the one resource that there is: each is paid."""

    interval = timedelta(hours=1)
    delay = timedelta(0)
    regional = False
    permissions = (_API,)
    paid = {_API: Decimal("PRICE")}

    def collect(self, context, target, window):
        shared, account = context.shared, f"paid/{target.account}"
        budget = shared.settings.provider("paid").budget_usd_per_day
        if budget is not None:
            charge(shared.spend, account, context.meter.price(_API, 1), budget, shared.now())
        shared.limiter.acquire(f"{account}/{_API}", Quota(10, 10), context.deadline)
        context.meter.call(_API)
        resource = Resource(
            provider="paid", account=target.account, region="global", service="readings", resource_id="meter"
        )
        yield MetricPoint(
            resource=resource, metric="reading", source_metric="reading", unit="count", statistic="gauge",
            start=window.start, period=0, value=7.0,
        )

    def estimate(self, window, resources):
        return Estimate({_API: resources}, self.paid[_API] * resources)
'''


def add_paid_provider(packages: Path) -> None:
    """Install it into a directory of packages."""
    home = packages / "finfleet_paid"
    (home / "services").mkdir(parents=True)
    for file, text in {
        "__init__.py": "",
        "provider.py": _PROVIDER,
        "services/__init__.py": "",
        "services/readings.py": _SERVICE.replace("PRICE", PRICE),
    }.items():
        (home / file).write_text(text, encoding="utf-8")
    add_distribution(packages, "finfleet-paid", "finfleet.providers", {"paid": "finfleet_paid.provider:Paid"})
