"""Azure Monitor's platform metrics: what there is, the values, and the batch API."""

from emulators.azure.metrics.batch import MetricsBatch
from emulators.azure.metrics.definitions import NAMESPACES, Definition, definition
from emulators.azure.metrics.store import MetricStore, Wave

__all__ = ["NAMESPACES", "Definition", "MetricStore", "MetricsBatch", "Wave", "definition"]
