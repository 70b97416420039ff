"""GetMetricData and GetMetricStatistics."""

import base64
from typing import Any, NamedTuple
from zlib import crc32

import msgspec

from emulators.aws.cloudwatch import checks
from emulators.aws.cloudwatch.statistics import SIMPLE, Span, Statistic, buckets, evaluate, statistic
from emulators.aws.cloudwatch.store import MetricName, MetricStore, Series, dimensions
from emulators.aws.errors import AwsError
from emulators.aws.request import AwsRequest

Points = tuple[list[int], list[float]]


class _Query(NamedTuple):
    id: str
    label: str
    metric: MetricName
    period: int
    stat: Statistic
    unit: str | None


class _PageToken(msgspec.Struct):
    """Where the next page begins. `until` keeps all pages on the data of the first one's instant."""

    query: int
    point: int
    until: float
    request: int


def metric_name(parameters: dict[str, Any], path: str = "") -> MetricName:
    """The metric that a request names.

    Raises:
        AwsError: a part is missing, or a dimension is given twice.
    """
    pairs = parameters.get("Dimensions") or []
    if len(pairs) > checks.MAX_DIMENSIONS:
        raise checks.invalid(f"The collection {path}Dimensions must not have a size greater than 30.")
    named = {pair["Name"]: pair["Value"] for pair in pairs}
    if len(named) != len(pairs):
        raise checks.invalid_value(f"No duplicates are allowed in {path}Dimensions.")
    return MetricName(
        checks.required(parameters, "Namespace", path),
        checks.required(parameters, "MetricName", path),
        dimensions(named),
    )


def get_metric_data(store: MetricStore, request: AwsRequest, now: float) -> dict[str, Any]:
    """The answer to GetMetricData.

    Raises:
        AwsError: a limit or a rule of CloudWatch is broken.
    """
    parameters = request.json
    start, end = checks.time_range(parameters)
    raw = checks.required(parameters, "MetricDataQueries")
    if not 1 <= len(raw) <= checks.MAX_QUERIES:
        raise checks.invalid("The collection MetricDataQueries must not have a size greater than 500.")
    checks.check_ids(raw)
    queries = [_query(item, number) for number, item in enumerate(raw, 1)]
    limit = int(parameters.get("MaxDatapoints") or checks.MAX_POINTS_PER_PAGE)
    if not 1 <= limit <= checks.MAX_POINTS_PER_PAGE:
        raise checks.invalid_value("The parameter MaxDatapoints must be between 1 and 100800.")
    token = _read_token(parameters, now)
    descending = parameters.get("ScanBy", "TimestampDescending") == "TimestampDescending"
    results, following = [], None
    room = limit
    for index, query in enumerate(queries[token.query :], token.query):
        times, values = _points(store, request, query, (start, end), token.until)
        if descending:
            times, values = times[::-1], values[::-1]
        skip = token.point if index == token.query else 0
        taken = times[skip : skip + room]
        whole = skip + len(taken) == len(times)
        results.append(_result(query, taken, values[skip : skip + room], whole=whole))
        room -= len(taken)
        if not whole or (room == 0 and index + 1 < len(queries)):
            place = (index + 1, 0) if whole else (index, skip + len(taken))
            following = _PageToken(*place, token.until, token.request)
            break
    answer: dict[str, Any] = {"MetricDataResults": results, "Messages": []}
    if following is not None:
        answer["NextToken"] = base64.urlsafe_b64encode(msgspec.json.encode(following)).decode()
    return answer


def get_metric_statistics(store: MetricStore, request: AwsRequest, now: float) -> dict[str, Any]:
    """The answer to GetMetricStatistics: datapoints in no order, as CloudWatch gives them.

    Raises:
        AwsError: a limit or a rule of CloudWatch is broken.
    """
    parameters = request.json
    start, end = checks.time_range(parameters)
    period = checks.check_period(int(checks.required(parameters, "Period")), "Period")
    plain, extended = parameters.get("Statistics") or [], parameters.get("ExtendedStatistics") or []
    if not plain and not extended:
        raise checks.invalid_combination("At least one of the parameters Statistics and ExtendedStatistics is needed.")
    if unknown := [s for s in plain if s not in SIMPLE] + [s for s in extended if s in SIMPLE or not statistic(s)]:
        raise checks.invalid_value(f"The value {unknown[0]} for parameter Statistics is not supported.")
    if (points := int((end - start) / period)) > checks.MAX_STATISTICS_POINTS:
        raise checks.invalid_combination(
            f"You have requested up to {points:,} datapoints, which exceeds the limit of 1,440. You may reduce the "
            "datapoints requested by increasing Period, or decreasing the time range."
        )
    metric = metric_name(parameters)
    span = Span(int(start) // 60 * 60, int(end), period)
    datapoints: list[dict[str, Any]] = []
    if checks.readable(start, period, now):
        with store.lock:
            for series in store.series(request.account, request.region, metric, parameters.get("Unit")):
                for bucket in buckets(series, span, now):
                    point: dict[str, Any] = {"Timestamp": bucket.start, "Unit": series.unit}
                    point |= {name: SIMPLE[name](bucket) for name in plain}
                    if extended:
                        found = {name: stat(bucket) for name in extended if (stat := statistic(name))}
                        point["ExtendedStatistics"] = {k: v for k, v in found.items() if v is not None}
                    datapoints.append(point)
    datapoints.sort(key=lambda point: crc32(str(point["Timestamp"]).encode()))
    return {"Label": metric.name, "Datapoints": datapoints}


def _query(item: dict[str, Any], number: int) -> _Query:
    path = f"MetricDataQueries.member.{number}."
    if item.get("Expression") is not None:
        raise checks.invalid(f"{path}Expression: the local CloudWatch computes no expressions; query each metric.")
    stat = checks.required(item, "MetricStat", path)
    path += "MetricStat."
    function = statistic(checks.required(stat, "Stat", path))
    if function is None:
        raise checks.invalid_value(f"The value {stat['Stat']} for parameter {path}Stat is not supported.")
    period = checks.check_period(int(checks.required(stat, "Period", path)), path + "Period")
    metric = metric_name(checks.required(stat, "Metric", path), path + "Metric.")
    return _Query(item["Id"], item.get("Label") or metric.name, metric, period, function, stat.get("Unit"))


def _points(store: MetricStore, request: AwsRequest, query: _Query, span: tuple[float, float], until: float) -> Points:
    start, end = span
    if not checks.readable(start, query.period, until):
        return [], []
    first = -(-(int(start) // 60 * 60 if query.period >= checks.MINUTE else int(start)) // query.period) * query.period
    with store.lock:
        found = store.series(request.account, request.region, query.metric, query.unit)
        if not found:
            return [], []
        merged = found[0] if len(found) == 1 else _merged(found)
        return evaluate(merged, Span(first, int(end), query.period), until, query.stat)


def _merged(found: list[Series]) -> Series:
    merged = Series(found[0].unit)
    for series in found:
        for index, (time, value) in enumerate(zip(series.times, series.values, strict=True)):
            merged.add(time, value, series.counts[index] if series.counts else 1.0)
        for statistics in series.sets:
            merged.add_set(statistics)
    return merged


def _result(query: _Query, times: list[int], values: list[float], *, whole: bool) -> dict[str, Any]:
    return {
        "Id": query.id,
        "Label": query.label,
        "Timestamps": times,
        "Values": values,
        "StatusCode": "Complete" if whole else "PartialData",
    }


def _read_token(parameters: dict[str, Any], now: float) -> _PageToken:
    asked = {key: value for key, value in parameters.items() if key != "NextToken"}
    identity = crc32(msgspec.json.encode(asked, order="deterministic"))
    if not (text := parameters.get("NextToken")):
        return _PageToken(0, 0, now, identity)
    refusal = AwsError("InvalidNextToken", "The next token specified is invalid.")
    try:
        token = msgspec.json.decode(base64.urlsafe_b64decode(text), type=_PageToken)
    except ValueError:
        raise refusal from None
    if token.request != identity:
        raise refusal
    return token
