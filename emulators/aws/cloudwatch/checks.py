"""CloudWatch's own limits, and how it refuses what is past them."""

import math
import re
import time as _time
from typing import Any

from emulators.aws.errors import AwsError

MAX_QUERIES = 500
MAX_POINTS_PER_PAGE = 100_800
MAX_DATUMS = 1_000
MAX_VALUES_PER_DATUM = 150
MAX_DIMENSIONS = 30
MAX_STATISTICS_POINTS = 1_440
SUB_MINUTE_PERIODS = frozenset({1, 5, 10, 20, 30})

MINUTE, HOUR, DAY = 60, 3_600, 86_400
# (age of StartTime, what a period must be a multiple of for data so old)
RETENTION = ((63 * DAY, HOUR), (15 * DAY, 5 * MINUTE), (3 * HOUR, MINUTE))

_ID = re.compile(r"[a-z][a-zA-Z0-9_]*")


def invalid(message: str) -> AwsError:
    """A request that is not well formed."""
    return AwsError("ValidationError", message, shape="ValidationException")


def invalid_value(message: str) -> AwsError:
    """A parameter with a value that is not allowed."""
    return AwsError("InvalidParameterValue", message, shape="InvalidParameterValueException")


def invalid_combination(message: str) -> AwsError:
    """Parameters that do not go together."""
    return AwsError("InvalidParameterCombination", message, shape="InvalidParameterCombinationException")


def missing(name: str) -> AwsError:
    """A parameter that must be given."""
    return AwsError("MissingParameter", f"The parameter {name} is required.", shape="MissingRequiredParameterException")


def required(parameters: dict[str, Any], name: str, path: str = "") -> Any:
    """A parameter that must be there.

    Raises:
        AwsError: it is not.
    """
    if parameters.get(name) is None:
        raise missing(path + name)
    return parameters[name]


def time_range(parameters: dict[str, Any]) -> tuple[float, float]:
    """StartTime and EndTime in epoch seconds, the first before the second.

    Raises:
        AwsError: one is missing, or they are the wrong way round.
    """
    start, end = float(required(parameters, "StartTime")), float(required(parameters, "EndTime"))
    if start >= end:
        raise invalid("The parameter StartTime must be less than the parameter EndTime.")
    return start, end


def check_period(period: int, path: str) -> int:
    """A period that CloudWatch knows.

    Raises:
        AwsError: it is not 1, 5, 10, 20, 30 or a multiple of 60 up to a day.
    """
    if period in SUB_MINUTE_PERIODS or (period > 0 and period % MINUTE == 0 and period <= DAY):
        return period
    raise invalid_value(
        f"The parameter {path} must be 1, 5, 10, 20, 30 or a multiple of 60, and at most 86400; it is {period}."
    )


def check_ids(queries: list[dict[str, Any]]) -> None:
    """Ids are there, well formed and each used once.

    Raises:
        AwsError: one is not.
    """
    seen: set[str] = set()
    for number, query in enumerate(queries, 1):
        name = required(query, "Id", f"MetricDataQueries.member.{number}.")
        if not _ID.fullmatch(name):
            raise invalid(
                f"The value {name} for parameter MetricDataQueries.member.{number}.Id is not matching "
                "the expected pattern ^[a-z][a-zA-Z0-9_]*$."
            )
        if name in seen:
            raise invalid(f"The values for parameter id in MetricDataQueries are not unique: {name}.")
        seen.add(name)


def finite(value: Any, path: str) -> float:
    """A number that CloudWatch takes.

    Raises:
        AwsError: it is NaN or infinite.
    """
    number = float(value)
    if not math.isfinite(number):
        raise invalid_value(f"The value {value} for parameter {path} is invalid.")
    return number


def readable(start: float, period: int, now: float) -> bool:
    """Whether data as old as `start` can still be read by this period: if not, CloudWatch answers no datapoints."""
    for age, coarsest in RETENTION:
        if now - start > age:
            return period % coarsest == 0
    return True


def check_put_time(stamp: float, path: str, now: float) -> None:
    """A put is at most two weeks old and at most two hours ahead.

    Raises:
        AwsError: it is not.
    """
    if not now - 14 * DAY <= stamp <= now + 2 * HOUR:
        at = _time.strftime("%Y-%m-%dT%H:%M:%SZ", _time.gmtime(stamp))
        raise invalid_value(
            f"The parameter {path} must specify a time no more than two weeks in the past "
            f"and no more than two hours in the future; it is {at}."
        )
