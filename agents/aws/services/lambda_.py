"""Lambda: functions, and what CloudWatch knows of their invocations."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from agents.aws import metrics
from agents.aws.calls import AwsCalls
from agents.aws.metrics import Metric, MetricReader, Query
from agents.core.context import Context
from agents.core.service import Estimate, Service, service
from telemetry.records import AttributeValue, Record, Resource
from telemetry.target import Target, Window

_PAGE = 50
"""Lambda gives no more at once."""
_NAMESPACE = "AWS/Lambda"
_METRICS = (
    Metric(_NAMESPACE, "Invocations", "Sum", "invocations", "count"),
    Metric(_NAMESPACE, "Errors", "Sum", "errors", "count"),
    Metric(_NAMESPACE, "Throttles", "Sum", "throttles", "count"),
    Metric(_NAMESPACE, "Duration", "Average", "duration", "milliseconds"),
)


@service("aws", "lambda")
class Lambda(Service):
    """Lambda functions: invocations, errors, throttles and mean duration, over all versions of each.

    A function costs by what it is used, so it has no price an hour; Cost Explorer knows what it cost. CloudWatch is
    paid for every metric asked for, of idle functions too: a longer interval asks less often and misses nothing.
    """

    owns = ("arn:*:lambda:*:*:function:*",)
    interval = timedelta(minutes=5)
    delay = timedelta(minutes=10)
    look_back = metrics.LOOK_BACK
    permissions = ("lambda:ListFunctions", metrics.API)
    paid = metrics.PAID

    def collect(self, context: Context, target: Target, window: Window) -> Iterator[Record]:
        """A resource a function, with its metrics."""
        calls = AwsCalls(context, target.region)
        reader = MetricReader(calls, window)
        self.say_late(context, window, "Lambda")
        for page in calls.pages("lambda", "ListFunctions", page_size=_PAGE):
            for function in page["Functions"]:
                resource = _resource(function)
                yield resource
                dimensions = (("FunctionName", resource.name),)
                yield from reader.add(*(Query(resource, metric, dimensions) for metric in _METRICS))
        yield from reader.finish()

    def estimate(self, window: Window, resources: int) -> Estimate:
        """Pages of 50 functions, and four metrics each."""
        asked = metrics.estimate(window, resources * len(_METRICS))
        pages = max(1, math.ceil(resources / _PAGE))
        return Estimate({"lambda:ListFunctions": pages, **asked.calls}, asked.cost_usd)

    def check_interval(self, interval: timedelta) -> str:
        """CloudWatch has values for whole minutes."""
        return metrics.check_interval(interval)


def _resource(function: Mapping[str, Any]) -> Resource:
    arn = function["FunctionArn"]
    _, _, _, region, account, _ = arn.split(":", 5)
    # The listing has the environment too, where secrets are: no part of it is taken.
    attributes: dict[str, AttributeValue] = {
        "runtime": function.get("Runtime"),
        "memory_mb": function.get("MemorySize"),
        "ephemeral_storage_mb": function.get("EphemeralStorage", {}).get("Size"),
        "timeout_s": function.get("Timeout"),
        "architecture": next(iter(function.get("Architectures", ())), None),
        "package_type": function.get("PackageType"),
        "code_bytes": function.get("CodeSize"),
        "last_modified": function.get("LastModified"),
    }
    return Resource(
        provider="aws",
        account=account,
        region=region,
        service="lambda",
        resource_id=arn,
        type=function.get("Runtime") or function.get("PackageType", ""),
        name=function["FunctionName"],
        attributes={name: value for name, value in attributes.items() if value is not None},
    )
