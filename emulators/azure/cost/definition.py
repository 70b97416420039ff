"""A query's body, read and checked as Cost Management checks it."""

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from emulators.azure.cost.dimensions import TAG_KEY, dimensions, value_of
from emulators.azure.cost.lines import CostLine
from emulators.azure.errors import AzureError, bad_request
from emulators.azure.subscriptions import Subscription

_TYPES = {"actualcost": False, "amortizedcost": True, "usage": False}
_AMOUNTS = {name.lower(): name for name in ("Cost", "CostUSD", "PreTaxCost", "PreTaxCostUSD", "UsageQuantity")}
_GRANULARITIES = {"none": "None", "daily": "Daily", "monthly": "Monthly"}
_MOST_DAYS, _MOST_GROUPINGS = 366, 15

Test = Callable[[Subscription, CostLine], bool]


class Grouping(NamedTuple):
    """One grouping: a dimension, or the values of one tag."""

    name: str
    tag: bool


class Definition(NamedTuple):
    """What is asked for. `first` and `last` are days, both included; `sorting` are (column, descending)."""

    amortized: bool
    first: date
    last: date
    granularity: str
    amounts: list[str]
    groupings: list[Grouping]
    test: Test
    with_tags: bool
    sorting: list[tuple[str, bool]]


def read_definition(body: Mapping[str, Any], agreement: str, today: date) -> Definition:
    """Read a query's body.

    Raises:
        AzureError: a part is missing, or is not one that there is.
    """
    kind = str(body.get("type", "")).lower()
    if kind not in _TYPES:
        raise invalid(
            f"Invalid query type: '{body.get('type', '')}'; valid values: 'Usage','ActualCost','AmortizedCost'."
        )
    # Portal and SDKs spell it in both ways.
    dataset = body.get("dataset", body.get("dataSet"))
    if not isinstance(dataset, dict):
        raise invalid("Dataset is invalid or not supplied.")
    granularity = _GRANULARITIES.get(str(dataset.get("granularity") or "None").lower())
    if granularity is None:
        raise invalid(
            f"Invalid dataset granularity: '{dataset.get('granularity')}'; valid values: 'None','Daily','Monthly'."
        )
    first, last = _period(body, today)
    known = dimensions(agreement)
    return Definition(
        amortized=_TYPES[kind],
        first=first,
        last=last,
        granularity=granularity,
        amounts=_amounts(dataset),
        groupings=_groupings(dataset, known),
        test=_filter(dataset.get("filter"), known),
        with_tags="tags" in [str(one).lower() for one in dataset.get("include") or ()],
        sorting=[
            (str(one.get("name")), str(one.get("direction", "")).strip().lower().startswith("desc"))
            for one in dataset.get("sorting") or ()
        ],
    )


def invalid(text: str) -> AzureError:
    """A 400 in Cost Management's words."""
    return bad_request(f"Invalid query definition: {text}")


def _period(body: Mapping[str, Any], today: date) -> tuple[date, date]:
    frame = str(body.get("timeframe", "")).lower()
    month = today.replace(day=1)
    previous = (month - timedelta(days=1)).replace(day=1)
    named = {
        "monthtodate": (month, today),
        "billingmonthtodate": (month, today),
        "thelastmonth": (previous, month - timedelta(days=1)),
        "thelastbillingmonth": (previous, month - timedelta(days=1)),
        "weektodate": (today - timedelta(days=(today.weekday() + 1) % 7), today),
    }
    if frame in named:
        return named[frame]
    if frame != "custom":
        raise invalid(f"Invalid timeframe: '{body.get('timeframe', '')}'.")
    period = body.get("timePeriod")
    if not isinstance(period, dict) or not period.get("from") or not period.get("to"):
        raise invalid("Time period is invalid or not supplied, and is needed with the timeframe 'Custom'.")
    first, last = _day(period["from"]), _day(period["to"])
    if first > last:
        raise invalid(f"Time period is invalid: from '{first}' is after to '{last}'.")
    if (last - first).days >= _MOST_DAYS:
        raise invalid("The time period for pulling the data cannot exceed 1 year(s).")
    return first, last


def _day(text: Any) -> date:
    try:
        return datetime.fromisoformat(str(text)).date()
    except ValueError as error:
        raise invalid(f"Time period is invalid: '{text}' is not a time.") from error


def _amounts(dataset: Mapping[str, Any]) -> list[str]:
    asked = dataset.get("aggregation")
    if not isinstance(asked, dict) or not asked:
        raise invalid("Dataset aggregation is invalid or not supplied.")
    names = []
    for one in asked.values():
        name = _AMOUNTS.get(str(one.get("name", "")).lower())
        if name is None:
            valid = ",".join(f"'{one}'" for one in _AMOUNTS.values())
            raise invalid(f"Invalid dataset aggregation column: '{one.get('name')}'; valid values: {valid}.")
        if str(one.get("function", "")).lower() != "sum":
            raise invalid(f"Invalid dataset aggregation function: '{one.get('function')}'; valid values: 'Sum'.")
        names.append(name)
    return names


def _groupings(dataset: Mapping[str, Any], known: Mapping[str, str]) -> list[Grouping]:
    asked = dataset.get("grouping") or []
    if len(asked) > _MOST_GROUPINGS:
        raise invalid(f"Dataset grouping is invalid: {len(asked)} are more than {_MOST_GROUPINGS}.")
    groupings = []
    for one in asked:
        name, kind = str(one.get("name", "")), str(one.get("type", "")).lower()
        if kind in {"tagkey", "tag"}:
            groupings.append(Grouping(name, tag=True))
        elif kind == "dimension":
            groupings.append(Grouping(_known(name, known, "grouping"), tag=False))
        else:
            raise invalid(f"Invalid dataset grouping type: '{one.get('type')}'; valid values: 'Dimension','TagKey'.")
    if sum(one.tag for one in groupings) > 1:
        raise invalid("Dataset grouping is invalid: one tag at most.")
    return groupings


def _known(name: str, known: Mapping[str, str], part: str) -> str:
    found = known.get(name.lower())
    if found is None:
        valid = ",".join(f"'{one}'" for one in known.values())
        raise invalid(f"Invalid dataset {part}: '{name}'; valid values: {valid},''.")
    return found


def _filter(asked: Any, known: Mapping[str, str]) -> Test:
    if not asked:
        return lambda _subscription, _line: True
    parts = {str(key).lower(): value for key, value in asked.items() if value is not None}
    if len(parts) != 1 or not set(parts) <= {"and", "or", "not", "dimensions", "tags"}:
        raise invalid(
            "Invalid dataset filter; on a QueryFilter one and only one of and/or/not/dimension/tag can be set."
        )
    ((kind, value),) = parts.items()
    if kind in {"and", "or"}:
        if len(value) < 2:  # noqa: PLR2004  # Azure's own rule
            raise invalid(f"Invalid dataset filter; '{kind}' needs at least 2 expressions.")
        tests = [_filter(one, known) for one in value]
        joined = all if kind == "and" else any
        return lambda subscription, line: joined(test(subscription, line) for test in tests)
    if kind == "not":
        inner = _filter(value, known)
        return lambda subscription, line: not inner(subscription, line)
    return _comparison({str(key).lower(): one for key, one in value.items()}, known, tag=kind == "tags")


def _comparison(asked: Mapping[str, Any], known: Mapping[str, str], *, tag: bool) -> Test:
    operator = str(asked.get("operator", "")).lower()
    if operator not in {"in", "contains"}:
        raise invalid(f"Invalid dataset filter operator: '{asked.get('operator')}'; valid values: 'In','Contains'.")
    wanted = [str(one).lower() for one in asked.get("values") or ()]
    if not wanted:
        raise invalid("Invalid dataset filter; values are needed.")
    name = str(asked.get("name", ""))
    read = value_of(f"{TAG_KEY}{name}" if tag else _known(name, known, "filter"))
    if operator == "in":
        among = set(wanted)
        return lambda subscription, line: read(subscription, line).lower() in among
    return lambda subscription, line: any(one in read(subscription, line).lower() for one in wanted)


def months(first: date, last: date) -> int:
    """How many months of data a period touches: what its query is charged by."""
    return (last.year - first.year) * 12 + last.month - first.month + 1


def month_of(day: date) -> str:
    """The first of a day's month, as `BillingMonth` tells it."""
    return f"{day.year:04}-{day.month:02}-01T00:00:00"
