"""A server of OTLP as the test's own: what it was sent, decoded by the official classes."""

import gzip
from typing import Any, NamedTuple

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, Metric

from agents.core.destination import Destination, open_destination
from telemetry.settings import Settings
from tests.support.scripted_http import Reply, Request

PROTOBUF = {"Content-Type": "application/x-protobuf"}
TAKEN = Reply(200, b"", PROTOBUF)


def otlp(url: str, **more: Any) -> Destination:
    """The destination `metrics` of a configuration."""
    section = {"kind": "otlp", "endpoint": url, "timeout": 5, **more}
    settings = Settings.model_validate({"destinations": {"metrics": section}})
    return open_destination("metrics", settings.known_destinations["metrics"])


def partial(rejected: int, message: str) -> Reply:
    """A partial success."""
    answer = ExportMetricsServiceResponse()
    answer.partial_success.rejected_data_points = rejected
    answer.partial_success.error_message = message
    return Reply(200, answer.SerializeToString(), PROTOBUF)


class Sent(NamedTuple):
    """One data point with what it stands in."""

    resource: dict[str, Any]
    name: str
    unit: str
    #: ``gauge``, ``delta`` or ``cumulative``, with ``monotonic`` where it is.
    kind: str
    start: int
    time: int
    value: float
    attributes: dict[str, Any]


def decoded(request: Request) -> ExportMetricsServiceRequest:
    """What a request brought."""
    assert (request.method, request.path) == ("POST", "/v1/metrics")
    assert request.headers["Content-Type"] == "application/x-protobuf"
    assert request.headers["Content-Encoding"] == "gzip"
    return ExportMetricsServiceRequest.FromString(gzip.decompress(request.raw))


def points(message: ExportMetricsServiceRequest) -> list[Sent]:
    """All data points."""
    found = []
    for resource in message.resource_metrics:
        about = plain(resource.resource.attributes)
        for scope in resource.scope_metrics:
            assert scope.scope.name == "finfleet"
            for metric in scope.metrics:
                data = metric.sum if metric.WhichOneof("data") == "sum" else metric.gauge
                found += [
                    Sent(
                        about,
                        metric.name,
                        metric.unit,
                        _kind(metric),
                        point.start_time_unix_nano,
                        point.time_unix_nano,
                        point.as_double,
                        plain(point.attributes),
                    )
                    for point in data.data_points
                ]
    return found


def plain(attributes: "list[KeyValue] | Any") -> dict[str, Any]:
    """Attributes as a dictionary."""
    found = {one.key: getattr(one.value, str(one.value.WhichOneof("value"))) for one in attributes}
    assert len(found) == len(attributes), "each key once"
    return found


def _kind(metric: Metric) -> str:
    if metric.WhichOneof("data") == "gauge":
        return "gauge"
    name = {
        AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA: "delta",
        AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE: "cumulative",
    }[metric.sum.aggregation_temporality]
    return f"{name} monotonic" if metric.sum.is_monotonic else name
