"""Cloud Monitoring: time series that are stored, filtered, aligned and reduced for real."""

from emulators.gcp.monitoring.distribution import Distribution
from emulators.gcp.monitoring.store import MetricStore

__all__ = ["Distribution", "MetricStore"]
