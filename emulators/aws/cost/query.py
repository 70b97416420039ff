"""GetCostAndUsage: lines filtered, grouped and summed up by period."""

import base64
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zlib import crc32

import msgspec

from emulators.aws.cost.dimensions import attributes, group_reader
from emulators.aws.cost.errors import invalid, too_many
from emulators.aws.cost.filters import predicate
from emulators.aws.cost.lines import CostLine, CostTable
from emulators.aws.cost.periods import Period, periods
from emulators.aws.errors import AwsError
from emulators.aws.request import AwsRequest

_MOST_GROUPS = 2
METRICS = frozenset(
    {
        "AmortizedCost",
        "BlendedCost",
        "NetAmortizedCost",
        "NetUnblendedCost",
        "NormalizedUsageAmount",
        "UnblendedCost",
        "UsageQuantity",
    }
)


class _PageToken(msgspec.Struct):
    offset: int
    version: int
    request: int


def get_cost_and_usage(table: CostTable, request: AwsRequest, now: datetime, *, resources: bool) -> dict[str, Any]:
    """A page of the answer.

    Raises:
        AwsError: a rule of Cost Explorer is broken, or the table changed since the page before.
    """
    parameters = request.json
    metrics = _metrics(parameters, resources=resources)
    if not table.net and (net := [metric for metric in metrics if metric.startswith("Net")]):
        raise invalid(f"{net[0]} is not available to this account")
    definitions = parameters.get("GroupBy") or []
    if len(definitions) > _MOST_GROUPS:
        raise too_many(len(definitions), "groupBy", _MOST_GROUPS)
    readers = [group_reader(one, resources=resources) for one in definitions]
    passes = predicate(parameters.get("Filter"), resources=resources)
    granularity = parameters.get("Granularity") or ""
    cut = periods(parameters.get("TimePeriod") or {}, granularity, now, table.history_months, resources=resources)
    if granularity == "HOURLY" and not table.hourly:
        raise invalid("Hourly granularity is not enabled for this account: enable it in the preferences")
    first = _first(parameters, table)
    rows: list[dict[str, Any]] = []
    for period in cut:
        lines = [line for line in table.between(period.start, period.end, request.account) if _counts(line, period)]
        estimated = any(line.estimated for line in lines) or period.start >= _month(now)
        kept = [line for line in lines if passes(line)]
        rows += _rows(kept, period, metrics, readers, estimated=estimated, decimals=table.decimals)
    page = rows[first : first + table.page_size]
    answer: dict[str, Any] = {
        "GroupDefinitions": definitions,
        "ResultsByTime": _gather(page),
        "DimensionValueAttributes": attributes(
            definitions, {key for row in page for key in row.get("Keys", ())}, table
        ),
    }
    if first + table.page_size < len(rows):
        token = _PageToken(first + table.page_size, table.version, _identity(parameters))
        answer["NextPageToken"] = base64.b64encode(msgspec.json.encode(token)).decode()
    return answer


def _metrics(parameters: dict[str, Any], *, resources: bool) -> list[str]:
    metrics = parameters.get("Metrics") or (["UnblendedCost"] if resources else [])
    if not metrics:
        raise invalid("Metrics must not be empty")
    # The API takes both spellings, UNBLENDED_COST and UnblendedCost, and answers in the second one.
    named = [metric.title().replace("_", "") if "_" in metric else metric for metric in metrics]
    if unknown := [metric for metric in named if metric not in METRICS]:
        raise invalid(f"Invalid metric {unknown[0]}")
    return named


def _counts(line: CostLine, period: Period) -> bool:
    return line.hourly or period.granularity != "HOURLY"


def _rows(
    lines: Sequence[CostLine],
    period: Period,
    metrics: list[str],
    readers: list[Any],
    *,
    estimated: bool,
    decimals: int | None,
) -> list[dict[str, Any]]:
    """One row for each group of a period; one without `Keys` for a period that is not grouped, or has no groups."""
    base: dict[str, Any] = {"TimePeriod": period.text, "Estimated": estimated}
    if not readers:
        return [{**base, "Total": _sums(lines, metrics, decimals)}]
    groups: defaultdict[tuple[str, ...], list[CostLine]] = defaultdict(list)
    for line in lines:
        groups[tuple(read(line) for read in readers)].append(line)
    if not groups:
        return [{**base, "Total": {}}]
    return [{**base, "Keys": list(keys), "Metrics": _sums(groups[keys], metrics, decimals)} for keys in sorted(groups)]


def _sums(lines: Sequence[CostLine], metrics: list[str], decimals: int | None) -> dict[str, dict[str, str]]:
    currency = lines[0].currency if lines else "USD"
    units = {line.usage_unit for line in lines}
    usage_unit = units.pop() if len(units) == 1 else "N/A"
    answer = {}
    for metric in metrics:
        total = sum((line.amount(metric) for line in lines), Decimal(0))
        total = total if decimals is None else round(total, decimals)
        unit = {"UsageQuantity": usage_unit, "NormalizedUsageAmount": "N/A"}.get(metric, currency)
        answer[metric] = {"Amount": _text(total), "Unit": unit}
    return answer


def _text(amount: Decimal) -> str:
    return f"{amount.normalize():f}" if amount else "0"


def _gather(page: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """ResultsByTime of the rows of one page: a period whose groups do not fit is on the next page again."""
    results: dict[str, dict[str, Any]] = {}
    for row in page:
        result = results.setdefault(
            row["TimePeriod"]["Start"],
            {
                "TimePeriod": row["TimePeriod"],
                "Total": row.get("Total", {}),
                "Groups": [],
                "Estimated": row["Estimated"],
            },
        )
        if "Keys" in row:
            result["Groups"].append({"Keys": row["Keys"], "Metrics": row["Metrics"]})
    return list(results.values())


def _first(parameters: dict[str, Any], table: CostTable) -> int:
    if not (text := parameters.get("NextPageToken")):
        return 0
    try:
        token = msgspec.json.decode(base64.b64decode(text), type=_PageToken)
    except ValueError:
        raise AwsError("InvalidNextTokenException", "Invalid NextToken") from None
    if token.request != _identity(parameters):
        raise AwsError("RequestChangedException", "The request changed between pages; send it as before")
    if token.version != table.version:
        raise AwsError(
            "BillExpirationException", "The requested report expired. Update the date interval and try again."
        )
    return token.offset


def _identity(parameters: dict[str, Any]) -> int:
    asked = {key: value for key, value in parameters.items() if key != "NextPageToken"}
    return crc32(msgspec.json.encode(asked, order="deterministic"))


def _month(now: datetime) -> datetime:
    return datetime(now.year, now.month, 1, tzinfo=UTC)
