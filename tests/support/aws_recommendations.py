"""Recommendations of AWS in the local S3, and a configuration that reads them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from agents.core.context import Shared
from emulators.aws import LocalAws
from emulators.aws.deliveries import Deliveries, csv_text, gzipped
from telemetry.recommendations import Recommendation
from telemetry.target import Window
from tests.support.aws_bills import shared_with_bills
from tests.support.collecting import Collected
from tests.support.ec2 import NOW

NAME = "hub"
URL = "s3://bills/exports/hub"
LOOKING, READING = f"aws/default/{NAME}/recommendation_deliveries", f"aws/default/{NAME}/recommendation_files"
TODAY = datetime(NOW.year, NOW.month, NOW.day, tzinfo=UTC)
DAY = Window(TODAY, TODAY + timedelta(days=1))
WRITTEN = NOW.replace(microsecond=0) - timedelta(hours=3)
COLUMNS = (
    "account_id",
    "account_name",
    "action_type",
    "currency_code",
    "current_resource_details",
    "current_resource_summary",
    "current_resource_type",
    "estimated_monthly_cost_after_discount",
    "estimated_monthly_cost_before_discount",
    "estimated_monthly_savings_after_discount",
    "estimated_monthly_savings_before_discount",
    "estimated_savings_percentage_after_discount",
    "estimated_savings_percentage_before_discount",
    "implementation_effort",
    "last_refresh_timestamp",
    "recommendation_id",
    "recommendation_lookback_period_in_days",
    "recommendation_source",
    "recommended_resource_details",
    "recommended_resource_summary",
    "recommended_resource_type",
    "region",
    "resource_arn",
    "restart_needed",
    "rollback_possible",
    "tags",
)
"""All of AWS's table."""


def shared_with_recommendations(aws: LocalAws, **section: Any) -> Shared:
    """What the collections of one process share: one export, ``hub``, and no bill."""
    return shared_with_bills(
        aws, **{"bill_exports": [], "recommendation_exports": [{"name": NAME, "url": URL}], **section}
    )


def proposal(name: str = "one", **columns: str) -> dict[str, str]:
    """A row: an instance that is too large, unless ``columns`` say otherwise."""
    given = {
        "account_id": "210987654321",
        "account_name": "shop",
        "action_type": "Rightsize",
        "currency_code": "USD",
        "current_resource_details": '{"ec2Instance":{"configuration":{"instance":{"type":"m5.large"}},"cost":70.08}}',
        "current_resource_summary": "m5.large",
        "current_resource_type": "Ec2Instance",
        "estimated_monthly_cost_before_discount": "70.08",
        "estimated_monthly_savings_before_discount": "35.04",
        "estimated_savings_percentage_before_discount": "50.0",
        "implementation_effort": "Medium",
        "last_refresh_timestamp": "Sat Nov 28 03:04:05 UTC 2026",
        "recommendation_id": f"recommendation-{name}",
        "recommendation_lookback_period_in_days": "14",
        "recommendation_source": "ComputeOptimizer",
        "recommended_resource_details": '{"ec2Instance":{"configuration":{"instance":{"type":"t3.medium"}}}}',
        "recommended_resource_summary": "t3.medium",
        "recommended_resource_type": "Ec2Instance",
        "region": "us-east-1",
        "resource_arn": "arn:aws:ec2:us-east-1:210987654321:instance/i-0123456789abcdef0",
        "restart_needed": "true",
        "rollback_possible": "false",
        "tags": '{"team":"search"}',
    }
    return {**given, **columns}


def chunk(*rows: dict[str, str], columns: Sequence[str] = COLUMNS) -> bytes:
    """A file of CSV, with gzip."""
    return gzipped(csv_text(rows, columns))


def deliver(*chunks: bytes, at: datetime = WRITTEN, day: datetime = TODAY, **more: Any) -> str:
    """Write the export ``hub`` of a day."""
    return Deliveries().recommendations(NAME, f"{day:%Y-%m-%d}", chunks, at, **more)


def recommended(collected: Collected) -> list[Recommendation]:
    """What a collection has found."""
    return [one for batch in collected.batches for one in batch.recommendations]
