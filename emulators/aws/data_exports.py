"""Data Exports: which exports there are, and how they fare."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from emulators.aws.errors import AwsError, json_reply
from emulators.aws.request import AwsRequest
from emulators.core.reply import Reply


@dataclass
class Export:
    """One export, as ListExports tells of it."""

    name: str
    status: str = "HEALTHY"
    reason: str = ""
    #: Status, reason and time (epoch seconds) of each execution.
    executions: list[tuple[str, str, float]] = field(default_factory=list)

    @property
    def arn(self) -> str:
        """Its ARN."""
        return f"arn:aws:bcm-data-exports:us-east-1:123456789012:export/{self.name}"


class DataExports:
    """ListExports and ListExecutions."""

    def __init__(self, exports: dict[str, Export]) -> None:
        self._exports = exports

    def handle(self, request: AwsRequest) -> Reply | None:
        """Answer; AwsError where there is no such export."""
        if request.action == "ListExports":
            return json_reply({"Exports": [_export(one) for one in self._exports.values()]})
        if request.action == "ListExecutions":
            arn = request.json.get("ExportArn")
            found = next((one for one in self._exports.values() if one.arn == arn), None)
            if found is None:
                raise AwsError("ResourceNotFoundException", "there is no such export", 404)
            return json_reply({"Executions": [_execution(*one) for one in found.executions]})
        return None


def _export(one: Export) -> dict[str, Any]:
    status = {"StatusCode": one.status} | ({"StatusReason": one.reason} if one.reason else {})
    return {"ExportArn": one.arn, "ExportName": one.name, "ExportStatus": status}


def _execution(code: str, reason: str, at: float) -> dict[str, Any]:
    moment = datetime.fromtimestamp(at, UTC).isoformat()
    status = {"StatusCode": code, "CreatedAt": moment} | ({"StatusReason": reason} if reason else {})
    return {"ExecutionId": f"at-{at:.0f}", "ExecutionStatus": status}
