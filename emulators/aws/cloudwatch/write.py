"""PutMetricData."""

from typing import Any

from emulators.aws.cloudwatch import checks
from emulators.aws.cloudwatch.read import metric_name
from emulators.aws.cloudwatch.store import MetricName, MetricStore, StatisticSet
from emulators.aws.request import AwsRequest


def put_metric_data(store: MetricStore, request: AwsRequest, now: float) -> dict[str, Any]:
    """Store the datums of one put: all of them, or none where one is refused.

    Raises:
        AwsError: a limit or a rule of CloudWatch is broken.
    """
    parameters = request.json
    namespace = checks.required(parameters, "Namespace")
    if namespace.startswith("AWS/"):
        raise checks.invalid_value(f"The value {namespace} for parameter Namespace is invalid.")
    datums = parameters.get("MetricData") or []
    if len(datums) > checks.MAX_DATUMS:
        raise checks.invalid("The collection MetricData must not have a size greater than 1000.")
    read = [_Datum(namespace, datum, f"MetricData.member.{number}.", now) for number, datum in enumerate(datums, 1)]
    with store.lock:
        for datum in read:
            datum.store(store, request)
    return {}


class _Datum:
    """One checked datum."""

    def __init__(self, namespace: str, raw: dict[str, Any], path: str, now: float) -> None:
        self.metric: MetricName = metric_name({**raw, "Namespace": namespace}, path)
        self.unit: str = raw.get("Unit") or "None"
        stamp = float(raw["Timestamp"]) if raw.get("Timestamp") is not None else now
        checks.check_put_time(stamp, path + "Timestamp", now)
        resolution = 1 if raw.get("StorageResolution") == 1 else checks.MINUTE
        self.time = int(stamp) // resolution * resolution
        self.values, self.counts = _values(raw, path)
        self.statistics = _statistics(raw.get("StatisticValues"), self.time, path)
        if not self.values and self.statistics is None:
            raise checks.missing(f"{path}Value")

    def store(self, store: MetricStore, request: AwsRequest) -> None:
        series = store.open(request.account, request.region, self.metric, self.unit)
        for value, count in zip(self.values, self.counts, strict=True):
            series.add(self.time, value, count)
        if self.statistics is not None:
            series.add_set(self.statistics)


def _values(raw: dict[str, Any], path: str) -> tuple[list[float], list[float]]:
    if raw.get("Value") is not None and raw.get("Values"):
        raise checks.invalid_combination(f"The parameters {path}Value and {path}Values are mutually exclusive.")
    if raw.get("Value") is not None:
        return [checks.finite(raw["Value"], path + "Value")], [1.0]
    values = [checks.finite(value, path + "Values") for value in raw.get("Values") or []]
    counts = [float(count) for count in raw.get("Counts") or [1.0] * len(values)]
    if len(values) > checks.MAX_VALUES_PER_DATUM:
        raise checks.invalid(f"The collection {path}Values must not have a size greater than 150.")
    if len(values) != len(counts):
        raise checks.invalid_value(f"The parameters {path}Values and {path}Counts must be of the same size.")
    return values, counts


def _statistics(raw: dict[str, Any] | None, time: int, path: str) -> StatisticSet | None:
    if raw is None:
        return None
    path += "StatisticValues."
    names = ("SampleCount", "Sum", "Minimum", "Maximum")
    return StatisticSet(time, *(checks.finite(checks.required(raw, name, path), path + name) for name in names))
