"""Seeds the billing export: days of usage with credits, taxes, late rows and corrections."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from random import Random
from typing import Any, NamedTuple

from emulators.gcp.billing.accounts import Account
from emulators.gcp.projects import project_number
from emulators.gcp.seed.grid import DEMO_PROJECTS
from emulators.gcp.server import LocalGcp

ACCOUNT = "01A2B3-C4D5E6-F70819"
_DAY = timedelta(days=1)
_NO_CREDIT_BELOW = 0.5


class _Product(NamedTuple):
    service_id: str
    service: str
    sku_id: str
    sku: str
    unit: str
    region: str | None


_COMPUTE = ("6F81-5844-456A", "Compute Engine")
_PRODUCTS = (
    _Product(*_COMPUTE, "CP-CORE", "N2 Instance Core running in Americas", "seconds", "us-central1"),
    _Product(*_COMPUTE, "CP-RAM", "N2 Instance Ram running in Americas", "byte-seconds", "us-central1"),
    _Product("C7E2-9256-1C43", "Vertex AI", "VX-CORE", "Vertex AI: Online Prediction", "seconds", "europe-west4"),
    _Product("95FF-2EF5-5EA1", "Cloud Storage", "GS-STD", "Standard Storage Americas", "byte-seconds", "us-east1"),
    _Product("24E6-581D-38E5", "BigQuery", "BQ-ANALYSIS", "Analysis", "bytes", None),
)


class Total(NamedTuple):
    """`cost` before credits; `credits` are negative."""

    cost: Decimal
    credits: Decimal

    @property
    def net(self) -> Decimal:
        """What is to be paid."""
        return self.cost + self.credits


@dataclass
class BillingSeed:
    """A seeded export table; the totals are computed from its rows, one by one, in decimals."""

    gcp: LocalGcp
    table: str
    currency: str
    projects: tuple[str, ...]

    def rows(self) -> list[Mapping[str, Any]]:
        """Every row of the table, late ones and corrections included."""
        return self.gcp.billing_export.rows(self.table)

    def totals(self, start: datetime, end: datetime, *, by: str = "currency") -> dict[str, Total]:
        """The totals of usage that started in [start, end), by `currency`, `service` or `project`."""
        cost: defaultdict[str, Decimal] = defaultdict(Decimal)
        credits_: defaultdict[str, Decimal] = defaultdict(Decimal)
        for row in self.rows():
            if start <= row["usage_start_time"] < end:
                key = _key(row, by)
                cost[key] += decimal(row["cost"])
                credits_[key] += sum((decimal(credit["amount"]) for credit in row["credits"]), Decimal(0))
        return {key: Total(cost[key], credits_[key]) for key in cost}

    def add_late(self, day: date, exported: datetime, *, cost: float = 3.25, credit: float = -0.75) -> None:
        """A row of usage of `day` that is exported only at `exported`."""
        usage = datetime.combine(day, time(7), UTC)
        row = _row(_PRODUCTS[0], self.projects[0], usage, exported, self.currency, cost, [credit] if credit else [])
        self.gcp.billing_export.load(self.table, [row])

    def correct(self, day: date, exported: datetime, *, amount: float = -1.5) -> None:
        """A correction of `day`: a row of its own with the difference, as Google exports it."""
        usage = datetime.combine(day, time(0), UTC)
        row = _row(_PRODUCTS[1], self.projects[0], usage, exported, self.currency, amount, [])
        row["cost_type"] = "adjustment"
        row["adjustment_info"] = {
            "id": "adj-1",
            "description": "Correction",
            "mode": "PARTIAL",
            "type": "USAGE_CORRECTION",
        }
        self.gcp.billing_export.load(self.table, [row])


def seed_billing(
    gcp: LocalGcp,
    first: date,
    days: int,
    projects: Sequence[str] = DEMO_PROJECTS,
    *,
    account: str = ACCOUNT,
    dataset: str = "billing",
    detailed: bool = False,
    currency: str = "USD",
    seed: int = 1,
) -> BillingSeed:
    """Usage of `days` days from `first` on, four rows a day of each product and project; a tax row at each month's end.

    The table is in the first project: `gcp_billing_export_v1_<account>`, or `..._resource_v1_...` where `detailed`. A
    day's rows are exported some hours after the usage, the last ones on the next day. The projects are linked to the
    account.
    """
    kind = "gcp_billing_export_resource_v1" if detailed else "gcp_billing_export_v1"
    table = f"{projects[0]}.{dataset}.{kind}_{account.replace('-', '_')}"
    gcp.accounts.add(Account(account, "Main", currency))
    for project in projects:
        gcp.projects.add(project)
        gcp.accounts.link(project, account)
    random = Random(f"{seed}/billing/{currency}")
    every = [first + number * _DAY for number in range(days)]
    rows = [row for day in every for row in _day(day, projects, currency, random, account, detailed=detailed)]
    gcp.billing_export.load(table, rows)
    return BillingSeed(gcp, table, currency, tuple(projects))


def decimal(amount: float) -> Decimal:
    """An amount of the export as BigQuery's NUMERIC has it: nine decimals."""
    return Decimal(repr(amount)).quantize(Decimal("1e-9"))


def _day(
    day: date, projects: Sequence[str], currency: str, random: Random, account: str, *, detailed: bool
) -> Iterable[dict[str, Any]]:
    for project in projects:
        for product in _PRODUCTS:
            for hour in (0, 6, 12, 18):
                usage = datetime.combine(day, time(hour), UTC)
                exported = usage + timedelta(hours=random.randint(7, 13), minutes=random.randint(0, 59))
                cost = round(random.uniform(0.001, 20), 6)
                credits_ = [round(-cost * 0.3, 6)] if random.random() < _NO_CREDIT_BELOW else []
                if credits_ and random.random() < _NO_CREDIT_BELOW:
                    credits_.append(round(-cost * 0.1, 6))
                row = _row(product, project, usage, exported, currency, cost, credits_, account)
                if detailed:
                    name = f"res-{random.randint(1, 5)}"
                    row["resource"] = {
                        "name": name,
                        "global_name": f"//example.googleapis.com/projects/{project}/{name}",
                    }
                yield row
    if (day + _DAY).day == 1:
        usage = datetime.combine(day, time(23), UTC)
        tax = _row(
            _PRODUCTS[0], projects[0], usage, usage + _DAY, currency, round(random.uniform(5, 50), 2), [], account
        )
        tax |= {"cost_type": "tax", "project": None, "sku": {"id": "TAX", "description": "Tax"}, "location": None}
        yield tax


def _row(  # noqa: PLR0917  # what a row is made of
    product: _Product,
    project: str,
    usage: datetime,
    exported: datetime,
    currency: str,
    cost: float,
    credits_: Sequence[float],
    account: str = ACCOUNT,
) -> dict[str, Any]:
    kinds = (("SUSTAINED_USAGE_DISCOUNT", "Sustained use discount"), ("PROMOTION", "Promotion"))
    return {
        "billing_account_id": account,
        "service": {"id": product.service_id, "description": product.service},
        "sku": {"id": product.sku_id, "description": product.sku},
        "usage_start_time": usage,
        "usage_end_time": usage + timedelta(hours=1),
        "project": {
            "id": project,
            "number": project_number(project),
            "name": project.replace("-", " ").title(),
            "labels": [{"key": "cost-center", "value": "42"}],
        },
        "labels": [{"key": "team", "value": "shop" if usage.hour else "data"}] if product.region else [],
        "location": {
            "location": product.region or "us",
            "country": "US",
            "region": product.region,
            "zone": f"{product.region}-a" if product.region else None,
        },
        "export_time": exported,
        "cost": cost,
        "cost_at_list": cost,
        "currency": currency,
        "currency_conversion_rate": 1.0,
        "usage": {
            "amount": 3600.0,
            "unit": product.unit,
            "amount_in_pricing_units": 1.0,
            "pricing_unit": "hour",
        },
        "credits": [
            {"name": name, "full_name": name, "id": kind.lower(), "type": kind, "amount": amount}
            for amount, (kind, name) in zip(credits_, kinds, strict=False)
        ],
        "invoice": {"month": usage.strftime("%Y%m")},
        "cost_type": "regular",
        "transaction_type": "GOOGLE",
        "seller_name": "Google",
    }


def _key(row: Mapping[str, Any], by: str) -> str:
    if by == "currency":
        return str(row["currency"])
    if by == "service":
        return str(row["service"]["description"])
    return str((row["project"] or {}).get("id") or "")
