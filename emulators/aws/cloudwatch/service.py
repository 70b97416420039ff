"""CloudWatch's door."""

from collections.abc import Callable

from emulators.aws.cloudwatch.listing import list_metrics
from emulators.aws.cloudwatch.read import get_metric_data, get_metric_statistics
from emulators.aws.cloudwatch.store import MetricStore
from emulators.aws.cloudwatch.write import put_metric_data
from emulators.aws.errors import AwsError, json_reply
from emulators.aws.request import AwsRequest, Protocol
from emulators.core.reply import Reply

_ACTIONS = {
    "GetMetricData": get_metric_data,
    "GetMetricStatistics": get_metric_statistics,
    "ListMetrics": list_metrics,
    "PutMetricData": put_metric_data,
}


class CloudWatch:
    """CloudWatch over its JSON protocol. `clock` gives epoch seconds: datapoints later than it are not seen yet."""

    def __init__(self, store: MetricStore, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock

    def handle(self, request: AwsRequest) -> Reply:
        """Answer one request.

        Raises:
            AwsError: CloudWatch refuses, or the local one does not serve it.
        """
        action = _ACTIONS.get(request.action)
        if action is None or request.protocol is not Protocol.JSON:
            raise AwsError(
                "UnknownOperationException",
                f"The local CloudWatch serves {', '.join(_ACTIONS)} over the AWS JSON protocol; "
                f"this was {request.action or 'nothing'} over {request.protocol.value}.",
            )
        return json_reply(action(self._store, request, self._clock()), "1.0")
