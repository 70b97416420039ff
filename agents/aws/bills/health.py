"""Why AWS stopped delivering an export, where it says so and where we may ask."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from agents.aws.calls import AwsCalls
from agents.aws.settings import RecommendationExport
from agents.core.context import Context
from agents.core.items import Item
from agents.core.parts import permitted
from telemetry.target import format_time

PERMISSIONS = ("bcm-data-exports:ListExports", "bcm-data-exports:ListExecutions")
_SERVICE = "bcm-data-exports"
_REGIONS = {"aws": "us-east-1", "aws-cn": "cn-northwest-1"}
"""Where Data Exports are managed, by partition."""
_HEALTHY = "HEALTHY"
_FAILED = ("QUERY_FAILURE", "DELIVERY_FAILURE")


def why_none_comes(context: Context, export: RecommendationExport, region: str) -> str:
    """In words, what AWS says of the export; empty where it says nothing, or may not be asked."""
    said: list[str] = []
    with permitted(context, "why AWS delivers nothing new", of=export.name):
        partition = AwsCalls(context, region).partition
        said.append(_told(AwsCalls(context, _REGIONS.get(partition, region)), export))
    return "".join(said)


def _told(calls: AwsCalls, export: RecommendationExport) -> str:
    found = next((one for one in _exports(calls) if one.text("ExportName") == export.report), None)
    if found is None:
        return f"AWS knows no export {export.report!r} in this account: it was deleted, or belongs to another one"
    status = found.item("ExportStatus")
    if (code := status.text("StatusCode")) and code != _HEALTHY:
        return f"AWS calls the export {code}: {status.text('StatusReason') or 'it gives no reason'}"
    return _last_failure(calls, found.text("ExportArn"))


def _exports(calls: AwsCalls) -> Iterator[Item]:
    for page in calls.pages(_SERVICE, "ListExports"):
        yield from Item(page).items("Exports")


def _last_failure(calls: AwsCalls, arn: str) -> str:
    """Of the last execution, where that failed."""
    if not arn:
        return ""
    answer: dict[str, Any] = calls.call(_SERVICE, "ListExecutions", ExportArn=arn)
    statuses = [one.item("ExecutionStatus") for one in Item(answer).items("Executions")]
    dated = [(at, one) for one in statuses if (at := one.time("CreatedAt")) is not None]
    if not dated:
        return ""
    at, last = max(dated, key=lambda one: one[0])
    code = last.text("StatusCode")
    if code not in _FAILED:
        return ""
    return f"its execution of {format_time(at)} ended in {code}: {last.text('StatusReason') or 'without a reason'}"
