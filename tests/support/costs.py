"""A local AWS with costs, and a configuration that reads them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from agents.core.context import Shared
from emulators.aws import LocalAws
from emulators.aws.cost import CostLine
from telemetry.target import Window
from tests.support.ec2 import NOW, SERVICES, shared

TARGET = "aws/default/global/cost"
DAY = Window(datetime(2026, 11, 22, tzinfo=UTC), datetime(2026, 11, 23, tzinfo=UTC))
"""Over for a day and a half when the clocks of these tests stand still."""
ACCOUNT, OTHER = "123456789012", "210987654321"


def cost_line(usd: str, service: str = "Amazon EC2", *, day: Window = DAY, **fields: Any) -> CostLine:
    """One line of the bill of a day."""
    return CostLine(start=day.start, service=service, unblended=Decimal(usd), **fields)


def endpoints(aws: LocalAws) -> dict[str, str]:
    """Cost Explorer too."""
    return dict.fromkeys({*SERVICES, "ce"}, aws.url)


def shared_with_costs(aws: LocalAws, **section: Any) -> Shared:
    """What the collections of one process share."""
    return shared(aws, **{"endpoints": endpoints(aws), **section})


def days_back(days: int) -> Window:
    """The UTC day that lies so many days before today."""
    today = NOW.replace(hour=0, minute=0, second=0)
    return Window(today - timedelta(days=days), today - timedelta(days=days - 1))
