"""Cost Explorer's door."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

from emulators.aws.cost.errors import invalid
from emulators.aws.cost.lines import CostTable
from emulators.aws.cost.query import get_cost_and_usage
from emulators.aws.cost.values import get_dimension_values, get_tags
from emulators.aws.errors import AwsError, json_reply
from emulators.aws.request import AwsRequest
from emulators.core.reply import Reply

_Action = Callable[[CostTable, AwsRequest, datetime], dict[str, Any]]
_ACTIONS: dict[str, _Action] = {
    "GetCostAndUsage": partial(get_cost_and_usage, resources=False),
    "GetCostAndUsageWithResources": partial(get_cost_and_usage, resources=True),
    "GetDimensionValues": get_dimension_values,
    "GetTags": get_tags,
}


class CostExplorer:
    """Cost Explorer over its JSON protocol. `clock` gives epoch seconds."""

    def __init__(self, table: CostTable, clock: Callable[[], float]) -> None:
        self._table = table
        self._clock = clock

    def handle(self, request: AwsRequest) -> Reply:
        """Answer one request.

        Raises:
            AwsError: Cost Explorer refuses, or the local one does not serve it.
        """
        action = _ACTIONS.get(request.action)
        if action is None:
            raise AwsError("UnknownOperationException", f"The local Cost Explorer serves {', '.join(_ACTIONS)}.")
        if request.region != "us-east-1":
            raise invalid(f"Cost Explorer has no endpoint in {request.region}, only in us-east-1")
        if not self._table.enabled:
            raise AwsError("AccessDeniedException", "User not enabled for cost explorer access")
        if not self._table.available:
            raise AwsError(
                "DataUnavailableException",
                "Data is not available. Please try to adjust the time period. If just enabled Cost Explorer, data "
                "might not be ingested yet",
            )
        if request.action == "GetCostAndUsageWithResources" and not request.json.get("Filter"):
            raise invalid("Filter is required: at least one dimension")
        return json_reply(action(self._table, request, datetime.fromtimestamp(self._clock(), UTC)))
