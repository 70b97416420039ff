"""Values that a listing tells: momentary readings, in place of a metric."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from telemetry.records import MetricPoint, Resource
from telemetry.target import Window


def gauges(
    resource: Resource, source: str, values: Mapping[str, tuple[float | None, str]], window: Window
) -> Iterator[MetricPoint]:
    """A point for each of ``values`` (name: value and unit) that is known, for a window that has just ended."""
    for name, (value, unit) in values.items():
        if value is not None:
            yield MetricPoint(
                resource=resource,
                metric=name,
                source_metric=source,
                unit=unit,
                statistic="gauge",
                start=window.start,
                period=int(window.duration.total_seconds()),
                value=float(value),
            )
