"""Lambda: functions, and what CloudWatch knows of their invocations."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import timedelta

from agents.aws import metrics
from agents.aws.arns import place_of
from agents.aws.calls import AwsCalls
from agents.aws.metrics import Metric, MetricReader, Query
from agents.core.context import Context
from agents.core.items import Item, Listing
from agents.core.service import Estimate, Service, service
from telemetry.records import AttributeValue, Record, Resource
from telemetry.target import Target, Window

_PAGE = 50
"""Lambda gives no more at once."""
_THINGS = "lambda functions"
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
        reader = MetricReader(calls, window, of=_THINGS)
        self.say_late(context, window, "Lambda")
        listing: Listing[Resource] = Listing(context, _THINGS, key=lambda one: one.resource_id)
        for page in calls.pages("lambda", "ListFunctions", page_size=_PAGE):
            for resource in listing.each(page, "Functions", _resource):
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


def _resource(item: Item) -> Resource:
    arn = item.key("FunctionArn")
    region, account = place_of(arn)
    runtime, package = item.text("Runtime"), item.text("PackageType")
    # The listing has the environment too, where secrets are: no part of it is taken.
    attributes: dict[str, AttributeValue] = {
        "runtime": runtime or None,
        "memory_mb": item.number("MemorySize"),
        "ephemeral_storage_mb": item.item("EphemeralStorage").number("Size"),
        "timeout_s": item.number("Timeout"),
        "architecture": next(iter(item.texts("Architectures")), None),
        "package_type": package or None,
        "code_bytes": item.number("CodeSize"),
        "last_modified": item.text("LastModified") or None,
    }
    return Resource(
        provider="aws",
        account=account,
        region=region,
        service="lambda",
        resource_id=arn,
        type=runtime or package,
        name=item.key("FunctionName"),
        attributes={name: value for name, value in attributes.items() if value is not None},
        whole=not item.faults,
    )
