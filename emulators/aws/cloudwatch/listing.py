"""ListMetrics."""

from typing import Any

from emulators.aws.cloudwatch import checks
from emulators.aws.cloudwatch.store import MetricName, MetricStore, Series
from emulators.aws.errors import AwsError
from emulators.aws.request import AwsRequest

_PAGE = 500
_LISTED_FOR = 14 * checks.DAY


def list_metrics(store: MetricStore, request: AwsRequest, now: float) -> dict[str, Any]:
    """A page of the metrics that had data in the last two weeks (or three hours, with RecentlyActive).

    Raises:
        AwsError: the page token is not one of ours.
    """
    parameters = request.json
    horizon = now - (3 * checks.HOUR if parameters.get("RecentlyActive") else _LISTED_FOR)
    token = parameters.get("NextToken") or "0"
    if not token.isdecimal():
        raise AwsError("InvalidNextToken", "The next token specified is invalid.")
    with store.lock:
        found = [
            metric
            for metric, series in store.metrics(request.account, request.region)
            if _wanted(metric, parameters) and any(_active(one, horizon, now) for one in series)
        ]
    first = int(token)
    answer: dict[str, Any] = {"Metrics": [_shape(metric) for metric in found[first : first + _PAGE]]}
    if first + _PAGE < len(found):
        answer["NextToken"] = str(first + _PAGE)
    return answer


def _wanted(metric: MetricName, parameters: dict[str, Any]) -> bool:
    names = ((parameters.get("Namespace"), metric.namespace), (parameters.get("MetricName"), metric.name))
    if any(want is not None and want != got for want, got in names):
        return False
    held = dict(metric.dimensions)
    return all(
        pair["Name"] in held and pair.get("Value") in {None, held[pair["Name"]]}
        for pair in parameters.get("Dimensions") or []
    )


def _active(series: Series, horizon: float, now: float) -> bool:
    span = series.first_and_last(now)
    return span is not None and span[1] >= horizon


def _shape(metric: MetricName) -> dict[str, Any]:
    pairs = [{"Name": name, "Value": value} for name, value in sorted(metric.dimensions)]
    return {"Namespace": metric.namespace, "MetricName": metric.name, "Dimensions": pairs}
