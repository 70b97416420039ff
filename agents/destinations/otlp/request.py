"""A batch as the request that OTLP's metrics service takes."""

from __future__ import annotations

import gzip
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric, ResourceMetrics, ScopeMetrics
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from agents.destinations.otlp.conventions import attributes_of, pairs
from agents.destinations.otlp.costs import costs_of
from agents.destinations.otlp.metrics import metrics_of
from telemetry.batch import Batch


def request_of(batch: Batch) -> ExportMetricsServiceRequest:
    """The metrics of a batch, resource by resource; without any where the batch only names resources."""
    account = batch.run.target.account
    found = [
        _resource(pairs({**attributes_of(batch.resources[index], account)}), metrics)
        for index, metrics in sorted(metrics_of(batch).items())
    ]
    found += [_resource(attributes, metrics) for attributes, metrics in costs_of(batch) if metrics]
    return ExportMetricsServiceRequest(resource_metrics=found)


def points_in(request: ExportMetricsServiceRequest) -> int:
    """How many data points a request holds."""
    return sum(
        len(metric.sum.data_points) + len(metric.gauge.data_points)
        for resource in request.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    )


def packed(request: ExportMetricsServiceRequest) -> bytes:
    """Its bytes, the same for the same request."""
    return gzip.compress(request.SerializeToString(deterministic=True), mtime=0)


def _resource(attributes: list[KeyValue], metrics: list[Metric]) -> ResourceMetrics:
    scope = ScopeMetrics(scope=InstrumentationScope(name="finfleet", version=_version()), metrics=metrics)
    return ResourceMetrics(resource=Resource(attributes=attributes), scope_metrics=[scope])


@cache
def _version() -> str:
    try:
        return version("finfleet")
    except PackageNotFoundError:  # not installed, but run from its source
        return ""
