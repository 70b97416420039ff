"""The cost lines behind Cost Management's answers."""

import threading
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from decimal import Decimal

import msgspec


class CostLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What one meter charged one resource on one day, in Cost Management's terms.

    `cost` is the amount of ActualCost, None for a line that is not in it (an unused reservation); `amortized` that of
    AmortizedCost, `cost` where it is left out. `in_amortized` False is a line that is only in ActualCost (the purchase
    of a reservation). `usd` is for the columns in US dollars, `cost` where it is left out and that is the currency.
    """

    resource_id: str = ""
    service_name: str = ""
    cost: Decimal | None = Decimal(0)
    amortized: Decimal | None = None
    in_amortized: bool = True
    usd: Decimal | None = None
    currency: str = "USD"
    resource_location: str = ""
    service_family: str = "Compute"
    service_tier: str = ""
    meter: str = ""
    meter_category: str = ""
    meter_subcategory: str = ""
    meter_id: str = ""
    charge_type: str = "Usage"
    publisher_type: str = "Microsoft"
    pricing_model: str = "OnDemand"
    frequency: str = "UsageBased"
    reservation_id: str = ""
    reservation_name: str = ""
    benefit_id: str = ""
    benefit_name: str = ""
    invoice_id: str = ""
    product: str = ""
    unit: str = ""
    quantity: Decimal = Decimal(0)
    tags: dict[str, str] = msgspec.field(default_factory=dict)

    @property
    def resource_group(self) -> str:
        """The group in the resource's id, in lower case."""
        parts = self.resource_id.lower().split("/")
        return parts[4] if len(parts) > 4 and parts[3] == "resourcegroups" else ""  # noqa: PLR2004  # the shape of an id

    @property
    def resource_type(self) -> str:
        """The type in the resource's id, in lower case."""
        _, found, tail = self.resource_id.lower().rpartition("/providers/")
        if not found:
            return ""
        parts = tail.split("/")
        return "/".join([parts[0], *parts[1::2]])

    def amount(self, name: str, *, amortized: bool) -> Decimal | None:
        """The amount that an aggregation of this name adds up; None where the line is not in this type of cost."""
        if amortized:
            amount = self.cost if self.amortized is None else self.amortized
            amount = amount if self.in_amortized else None
        else:
            amount = self.cost
        if amount is None:
            return None
        if name == "UsageQuantity":
            return self.quantity
        if name.endswith("USD"):
            if self.usd is not None and self.cost:
                return amount * self.usd / self.cost
            return amount
        return amount


class CostTable:
    """Every line, by subscription and day.

    `agreement` says by subscription which dimensions there are: `mca`, or `payg` where nothing is said.
    `page_size` is that of an answer's rows, 5,000 in Azure.
    """

    def __init__(self) -> None:
        self.page_size = 5000
        self.agreement: dict[str, str] = {}
        self._lock = threading.Lock()
        self._days: dict[tuple[str, date], list[CostLine]] = {}
        self._version = 0

    @property
    def version(self) -> int:
        """Changes with every change of the table."""
        return self._version

    def load(self, subscription: str, day: date, lines: Iterable[CostLine]) -> None:
        """Add lines to those there are of a day."""
        with self._lock:
            self._days.setdefault((subscription.lower(), day), []).extend(lines)
            self._version += 1

    def restate(self, subscription: str, day: date, lines: Iterable[CostLine]) -> None:
        """Put these lines in the place of all of a day's."""
        taken = list(lines)
        with self._lock:
            self._days[subscription.lower(), day] = taken
            self._version += 1

    def clear(self) -> None:
        """Take every line out."""
        with self._lock:
            self._days.clear()
            self._version += 1

    def of(self, subscription: str, day: date) -> list[CostLine]:
        """The lines of one day."""
        with self._lock:
            return list(self._days.get((subscription.lower(), day), ()))

    def between(self, subscription: str, first: date, last: date) -> Iterator[tuple[date, CostLine]]:
        """(day, line) of the days from `first` to `last`, both included."""
        for offset in range((last - first).days + 1):
            day = first + timedelta(days=offset)
            for line in self.of(subscription, day):
                yield day, line
