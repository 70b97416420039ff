"""What a test must find in what was seeded."""

from datetime import datetime

from emulators.azure.metrics.store import Bucket
from emulators.azure.server import LocalAzure


def expected(azure: LocalAzure, resource_id: str, metric: str, start: datetime, end: datetime) -> Bucket | None:
    """What the samples of [start, end) come to, as far as they can be seen now; None where there are none."""
    span = (int(start.timestamp()) // 60, int(end.timestamp()) // 60)
    values = list(azure.metrics.samples(resource_id, metric, span).values())
    if not values:
        return None
    return Bucket(sum(values) / len(values), min(values), max(values), sum(values), len(values))
