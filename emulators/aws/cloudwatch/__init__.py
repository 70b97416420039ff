"""CloudWatch: metrics kept as they were put, and statistics really computed from them."""

from emulators.aws.cloudwatch.service import CloudWatch
from emulators.aws.cloudwatch.store import MetricStore, StatisticSet

__all__ = ["CloudWatch", "MetricStore", "StatisticSet"]
