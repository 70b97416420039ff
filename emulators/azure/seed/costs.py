"""Seeds Cost Management: weeks of usage, a reservation, a marketplace purchase and a refund."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any, NamedTuple

from emulators.azure.cost import CostLine
from emulators.azure.directory import DEFAULT_TENANT
from emulators.azure.server import LocalAzure
from emulators.azure.subscriptions import DEFAULT_SUBSCRIPTION, SECOND_SUBSCRIPTION

_PARTS = Decimal("0.0000000001")
_LOCATIONS = ("US East", "EU West", "US West 2")
_TEAMS = ("search", "vision", "platform", None)
_RATES = {"USD": Decimal(1), "EUR": Decimal("1.1096"), "GBP": Decimal("1.293")}


class _Usage(NamedTuple):
    service: str
    category: str
    meter: str
    type: str
    per_day: float
    unit: str


_USAGES = (
    _Usage("Virtual Machines", "Virtual Machines", "D2s v5", "Microsoft.Compute/virtualMachines", 4.1, "1 Hour"),
    _Usage("Virtual Machines", "Virtual Machines", "D4s v5 Spot", "Microsoft.Compute/virtualMachines", 1.2, "1 Hour"),
    _Usage("Storage", "Storage", "P10 LRS Disk", "Microsoft.Compute/disks", 0.6, "1/Month"),
    _Usage("Storage", "Storage", "Hot LRS Data Stored", "Microsoft.Storage/storageAccounts", 2.4, "1 GB/Month"),
    _Usage("Bandwidth", "Bandwidth", "Standard Data Transfer Out", "Microsoft.Compute/virtualMachines", 0.2, "1 GB"),
    _Usage(
        "Azure Machine Learning",
        "Virtual Machines",
        "NC24ads A100 v4",
        "Microsoft.MachineLearningServices/workspaces",
        42.0,
        "1 Hour",
    ),
    _Usage(
        "Azure Kubernetes Service",
        "Azure Kubernetes Service",
        "Standard Uptime SLA",
        "Microsoft.ContainerService/managedClusters",
        2.4,
        "1 Hour",
    ),
    _Usage("Functions", "Functions", "Standard Execution Time", "Microsoft.Web/sites", 0.003, "1 GB Second"),
)
_GROUPS = ("ml-resources", "web", "data")


@dataclass
class CostSeed:
    """What was seeded: lines by (subscription, day)."""

    days: dict[tuple[str, date], list[CostLine]] = field(default_factory=dict)

    def totals(
        self,
        by: Callable[[CostLine], str] = lambda _line: "",
        *,
        amortized: bool = False,
        subscription: str | None = None,
        first: date = date.min,
        last: date = date.max,
    ) -> dict[tuple[str, str], Decimal]:
        """(currency, what `by` gives) -> amount, of the days from `first` to `last`, both included."""
        totals: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
        for (of, day), lines in self.days.items():
            for line in lines if subscription in {None, of} and first <= day <= last else ():
                amount = line.amount("Cost", amortized=amortized)
                if amount is not None:
                    totals[line.currency, by(line)] += amount
        return dict(totals)

    def describe(self) -> dict[str, Any]:
        """The totals as JSON."""
        return {
            "lines": sum(map(len, self.days.values())),
            "actual": {currency: str(amount) for (currency, _), amount in self.totals().items()},
            "amortized": {currency: str(amount) for (currency, _), amount in self.totals(amortized=True).items()},
        }


def seed_costs(
    azure: LocalAzure,
    days: int = 35,
    subscriptions: Sequence[str] = (DEFAULT_SUBSCRIPTION, SECOND_SUBSCRIPTION),
    *,
    lines_per_day: int = 40,
    currencies: Mapping[str, str] | None = None,
    tenant: str = DEFAULT_TENANT,
    seed: int = 1,
) -> CostSeed:
    """Load the costs of the last `days` whole days: `lines_per_day` of usage by day, of as many resources and meters.

    On the first day of a month a reservation is bought (ActualCost only), which is used and in part unused from then
    on (AmortizedCost only); there is a marketplace charge and, on Mondays, a refund. `currencies` says by subscription
    what it is billed in, US dollars where nothing is said.
    """
    seeded = CostSeed()
    today = datetime.fromtimestamp(azure.clock(), UTC).date()
    for subscription in subscriptions:
        azure.subscriptions.ensure(subscription, tenant)
        currency = (currencies or {}).get(subscription, "USD")
        for back in range(days, 0, -1):
            day = today - timedelta(days=back)
            lines = list(_day(subscription, day, lines_per_day, currency, Random(f"{seed}/{subscription}/{day}")))
            azure.costs.load(subscription, day, lines)
            seeded.days[subscription, day] = lines
    return seeded


def _day(subscription: str, day: date, number: int, currency: str, random: Random) -> Iterator[CostLine]:
    for index in range(number):
        usage = _USAGES[index % len(_USAGES)]
        covered = usage.meter == "D2s v5" and index % 16 == 0
        listed = _amount(usage.per_day * random.uniform(0.8, 1.2))
        yield _line(
            subscription,
            index,
            usage,
            currency,
            random,
            cost=Decimal(0) if covered else listed,
            amortized=listed if covered else None,
        )
    reservation = {"reservation_name": "vm-reservation", "reservation_id": f"/reservations/{subscription[:8]}"}
    if day.day == 1:
        yield _charge("Virtual Machines", Decimal(900), "Purchase", currency, in_amortized=False, **reservation)
    unused = _amount(random.uniform(0, 3))
    yield _charge("Virtual Machines", None, "UnusedReservation", currency, amortized=unused, **reservation)
    yield _charge("SaaS", _amount(1.5), "Usage", currency, publisher_type="Marketplace", service_family="SaaS")
    if day.weekday() == 0:
        yield _charge("Storage", _amount(-0.75), "Refund", currency)


def _line(
    subscription: str,
    index: int,
    usage: _Usage,
    currency: str,
    random: Random,
    *,
    cost: Decimal,
    amortized: Decimal | None,
) -> CostLine:
    group, name = _GROUPS[index % len(_GROUPS)], f"res-{index:05d}"
    if usage.service == "Azure Machine Learning" and index < len(_USAGES):
        group, name = "ml-resources", "my-ml-workspace"  # the one that seed_ml makes first
    team = random.choice(_TEAMS)
    return CostLine(
        resource_id=f"/subscriptions/{subscription}/resourceGroups/{group}/providers/{usage.type}/{name}",
        service_name=usage.service,
        cost=cost,
        amortized=amortized,
        usd=_amount(float(cost * _RATES[currency])),
        currency=currency,
        resource_location=_LOCATIONS[index % len(_LOCATIONS)],
        meter=usage.meter,
        meter_category=usage.category,
        unit=usage.unit,
        quantity=_amount(random.uniform(1, 24)),
        pricing_model="Spot"
        if usage.meter.endswith("Spot")
        else "Reservation"
        if amortized is not None
        else "OnDemand",
        tags={"team": team} if team else {},
    )


def _charge(service: str, cost: Decimal | None, kind: str, currency: str, **more: Any) -> CostLine:
    usd = None if cost is None else _amount(float(cost * _RATES[currency]))
    told = {"resource_location": "Unknown", "frequency": "OneTime", **more}
    return CostLine(service_name=service, cost=cost, usd=usd, charge_type=kind, currency=currency, **told)


def _amount(value: float) -> Decimal:
    return Decimal(value).quantize(_PARTS)
