"""The cost lines behind Cost Explorer's answers."""

import threading
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import msgspec


class CostLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What one thing cost in the hour (`hourly`) or the day that begins at `start`, an aware time.

    Amounts are in `currency`. Where `amortized` or a net amount is left out it equals the amount it is derived from.
    """

    start: datetime
    service: str
    unblended: Decimal
    account: str = "123456789012"
    region: str = ""
    record_type: str = "Usage"
    usage_type: str = ""
    operation: str = ""
    instance_type: str = ""
    zone: str = ""
    purchase_type: str = "On Demand Instances"
    resource_id: str = ""
    tags: dict[str, str] = msgspec.field(default_factory=dict)
    amortized: Decimal | None = None
    net_unblended: Decimal | None = None
    net_amortized: Decimal | None = None
    usage_quantity: Decimal = Decimal(0)
    usage_unit: str = "N/A"
    currency: str = "USD"
    hourly: bool = False
    estimated: bool = False

    def amount(self, metric: str) -> Decimal:
        """The amount of one of Cost Explorer's metrics.

        Raises:
            KeyError: there is no such metric.
        """
        amortized = self.unblended if self.amortized is None else self.amortized
        return {
            "UnblendedCost": self.unblended,
            "BlendedCost": self.unblended,
            "AmortizedCost": amortized,
            "NetUnblendedCost": self.unblended if self.net_unblended is None else self.net_unblended,
            "NetAmortizedCost": amortized if self.net_amortized is None else self.net_amortized,
            "UsageQuantity": self.usage_quantity,
            "NormalizedUsageAmount": Decimal(0),
        }[metric]

    @property
    def day(self) -> date:
        """The UTC day that it belongs to."""
        return self.start.astimezone(UTC).date()


class CostTable:
    """Every line. `payer` sees the lines of all accounts, any other account its own.

    `available` False is an account whose data is not there yet; `enabled` False one in which Cost Explorer was never
    opened; `hourly` False one without hourly data; `net` False one that may not see net costs. The amounts of a group
    are rounded to `decimals`, as AWS does it to 10; None keeps all. `history_months` is how far back it answers: AWS
    does 14 months; None is all there is.
    """

    def __init__(self, payer: str) -> None:
        self.payer = payer
        self.available = True
        self.enabled = True
        self.net = True
        self.decimals: int | None = None
        self.hourly = True
        self.history_months: int | None = None
        self.page_size = 500
        self.account_names: dict[str, str] = {}
        self._lock = threading.Lock()
        self._days: dict[date, list[CostLine]] = {}
        self._version = 0

    @property
    def version(self) -> int:
        """Changes with every change of the table: a page token of an older one has expired."""
        return self._version

    def load(self, lines: Iterable[CostLine]) -> None:
        """Add lines to those there are."""
        with self._lock:
            for line in lines:
                self._days.setdefault(line.day, []).append(line)
            self._version += 1

    def restate(self, day: date, lines: Iterable[CostLine]) -> None:
        """Put these lines in the place of all of a day's.

        Raises:
            ValueError: a line is of another day.
        """
        taken = list(lines)
        if strays := [line.start.isoformat() for line in taken if line.day != day]:
            raise ValueError(f"a line starts at {strays[0]}: it is not of {day}")
        with self._lock:
            self._days[day] = taken
            self._version += 1

    def clear(self) -> None:
        """Take every line out."""
        with self._lock:
            self._days.clear()
            self._version += 1

    def between(self, start: datetime, end: datetime, account: str) -> Iterator[CostLine]:
        """The lines that begin in [start, end) and that `account` may see."""
        day = start.date()
        while day < end.date() + timedelta(days=1):
            for line in self._days.get(day, ()):
                if start <= line.start < end and account in {self.payer, line.account}:
                    yield line
            day += timedelta(days=1)
