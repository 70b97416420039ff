"""Seeds Cost Explorer: weeks of usage, savings plans, credits and tax of two accounts."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from random import Random
from typing import NamedTuple

import msgspec

from emulators.aws.cost import CostLine
from emulators.aws.server import DEFAULT_ACCOUNT, LocalAws

HOURLY_DAYS = 14
_CENT_PARTS = Decimal("0.0000000001")
_TEAMS = ("search", "vision", "platform", None)


class _Usage(NamedTuple):
    service: str
    usage_type: str
    operation: str
    per_day: float
    unit: str
    instance_type: str = ""


_USAGES = (
    _Usage("Amazon Elastic Compute Cloud - Compute", "BoxUsage:m5.large", "RunInstances", 230, "Hrs", "m5.large"),
    _Usage("Amazon Elastic Compute Cloud - Compute", "BoxUsage:g5.xlarge", "RunInstances", 120, "Hrs", "g5.xlarge"),
    _Usage("EC2 - Other", "EBS:VolumeUsage.gp3", "CreateVolume-Gp3", 18, "GB-Mo"),
    _Usage("Amazon SageMaker", "Host:ml.m5.large", "RunInstance", 42, "Hrs", "ml.m5.large"),
    _Usage("Amazon Simple Storage Service", "TimedStorage-ByteHrs", "StandardStorage", 11, "GB-Mo"),
    _Usage("Amazon Relational Database Service", "InstanceUsage:db.m5.large", "CreateDBInstance:0014", 31, "Hrs"),
    _Usage("AWS Lambda", "Lambda-GB-Second", "Invoke", 2, "Lambda-GB-Second"),
)


def seed_costs(
    aws: LocalAws,
    days: int = 35,
    *,
    accounts: Sequence[str] = (DEFAULT_ACCOUNT, "210987654321"),
    regions: Sequence[str] = ("us-east-1", "us-west-2"),
    seed: int = 1,
) -> list[CostLine]:
    """Load the costs of the last `days` whole days and give the lines; those of the last 14 days are by the hour.

    The days of the running month are estimated. The first account is the payer, and is credited and taxed.
    """
    today = datetime.fromtimestamp(aws.clock(), UTC).date()
    random = Random(seed)
    lines: list[CostLine] = []
    for back in range(days, 0, -1):
        day = today - timedelta(days=back)
        daily = list(_day(day, accounts, regions, random, estimated=(day.year, day.month) == (today.year, today.month)))
        lines += [hour for line in daily for hour in _hours(line)] if back <= HOURLY_DAYS else daily
    aws.costs.account_names |= {account: f"account-{number}" for number, account in enumerate(accounts, 1)}
    aws.costs.load(lines)
    return lines


def _day(
    day: date, accounts: Sequence[str], regions: Sequence[str], random: Random, *, estimated: bool
) -> Iterator[CostLine]:
    start = datetime.combine(day, time(), UTC)
    usages = [(account, region, usage) for account in accounts for region in regions for usage in _USAGES]
    for account, region, usage in usages:
        cost = _amount(usage.per_day * random.uniform(0.8, 1.2) / len(regions))
        team = random.choice(_TEAMS)
        covered = usage.service.endswith("Compute") and account != accounts[0]
        yield CostLine(
            start=start,
            service=usage.service,
            account=account,
            region=region,
            usage_type=usage.usage_type,
            operation=usage.operation,
            instance_type=usage.instance_type,
            record_type="SavingsPlanCoveredUsage" if covered else "Usage",
            purchase_type="Savings Plans" if covered else "On Demand Instances",
            tags={"team": team} if team else {},
            unblended=cost,
            amortized=_amount(float(cost) * 0.72) if covered else None,
            net_unblended=_amount(float(cost) * 0.95),
            net_amortized=_amount(float(cost) * 0.7) if covered else _amount(float(cost) * 0.95),
            usage_quantity=_amount(float(cost) * 10),
            usage_unit=usage.unit,
            estimated=estimated,
        )
    if day.day == 1:
        tax = _amount(random.uniform(200, 400))
        yield CostLine(start=start, service="Tax", unblended=tax, account=accounts[0], record_type="Tax")
        credit = _amount(-random.uniform(20, 50))
        service = _USAGES[0].service
        yield CostLine(start=start, service=service, unblended=credit, account=accounts[0], record_type="Credit")


def _hours(line: CostLine) -> Iterator[CostLine]:
    """A day's line by the hour: the parts add up to exactly the whole."""
    names = ("unblended", "amortized", "net_unblended", "net_amortized", "usage_quantity")
    whole = {name: value for name in names if (value := getattr(line, name)) is not None}
    parts = {name: (value / 24).quantize(_CENT_PARTS) for name, value in whole.items()}
    for hour in range(23):
        yield msgspec.structs.replace(line, start=line.start + timedelta(hours=hour), hourly=True, **parts)
    rest = {name: value - 23 * parts[name] for name, value in whole.items()}
    yield msgspec.structs.replace(line, start=line.start + timedelta(hours=23), hourly=True, **rest)


def _amount(value: float) -> Decimal:
    return Decimal(str(value)).quantize(_CENT_PARTS)
