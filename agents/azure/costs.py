"""Cost Management's query API: what a subscription was charged, cut by dimensions and tags, page by page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

from agents.azure.calls import AzureCalls
from agents.azure.permissions import COSTS
from agents.azure.session import AzureSession
from telemetry.amounts import parse_amount
from telemetry.errors import CollectionFailed, Unavailable
from telemetry.target import Window

API = "costmanagement:query"
PERMISSION = COSTS
ACTUAL = "ActualCost"
"""What is invoiced: a reservation on the day that it is bought."""
AMORTIZED = "AmortizedCost"
"""The same with purchases spread over the time that they are for."""

_AMOUNT, _DATE, _CURRENCY, _TAG_VALUE = "cost", "usagedate", "currency", "tagvalue"
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class Key:
    """What is grouped by: a dimension (``ServiceName``), or the values of a tag."""

    name: str
    tag: bool = False

    @property
    def definition(self) -> dict[str, str]:
        """As a query has it."""
        return {"type": "TagKey" if self.tag else "Dimension", "name": self.name}

    @property
    def column(self) -> str:
        """The column, in lower case, that its values come in."""
        return _TAG_VALUE if self.tag else self.name.lower()


@dataclass(frozen=True)
class Charge:
    """What one combination of keys was charged."""

    #: Midnight UTC of its day; None where the query is not daily.
    day: datetime | None
    amount: Decimal
    #: ISO 4217.
    currency: str
    #: By the names of the keys.
    values: Mapping[str, str]


@dataclass(frozen=True)
class Question:
    """One query. ``only`` is a dimension and the values that it must have one of."""

    #: ``ActualCost``, ``AmortizedCost``.
    kind: str
    #: Whole days.
    window: Window
    keys: tuple[Key, ...]
    daily: bool = True
    only: tuple[str, tuple[str, ...]] | None = None

    @property
    def body(self) -> dict[str, Any]:
        """As Cost Management takes it: its end is included."""
        dataset: dict[str, Any] = {
            "granularity": "Daily" if self.daily else "None",
            "aggregation": {"totalCost": {"name": "Cost", "function": "Sum"}},
            "grouping": [key.definition for key in self.keys],
        }
        if self.only is not None:
            name, values = self.only
            dataset["filter"] = {"dimensions": {"name": name, "operator": "In", "values": list(values)}}
        return {
            "type": self.kind,
            "timeframe": "Custom",
            "timePeriod": {"from": _text(self.window.start), "to": _text(self.window.end - _SECOND)},
            "dataset": dataset,
        }


def charges(calls: AzureCalls, question: Question) -> Iterator[Charge]:
    """What was charged, row by row; each page is asked for when it is needed, and none is left out."""
    token = ""
    while True:
        page = calls.call(API, _asking(f"/subscriptions/{calls.subscription}", question.body, token))
        # Azure answers with nothing at all where there is nothing to tell.
        if page is None:
            return
        # By key, not by attribute: the SDK would make every cell of every row anew.
        found = page["properties"]
        yield from _read(found, question)
        former, token = token, _token(found.get("nextLink"))
        if not token:
            return
        if token == former:
            raise Unavailable(f"{API}: Azure gave one page twice: the bill is read anew at the next attempt")


def _asking(scope: str, body: dict[str, Any], token: str) -> Callable[[AzureSession], Any]:
    parameters = {"$skiptoken": token} if token else {}

    def send(session: AzureSession) -> Any:
        return session.costs.query.usage(scope, body, params=parameters)

    return send


def _token(link: str | None) -> str:
    if not link:
        return ""
    query = {name.lower(): values for name, values in parse_qs(urlsplit(link).query).items()}
    if not query.get("$skiptoken"):
        raise CollectionFailed(f"{API}: Azure's link to the next page has no $skiptoken: the rest cannot be read")
    return query["$skiptoken"][0]


def _read(page: Mapping[str, Any], question: Question) -> Iterator[Charge]:
    columns = {str(column["name"]).lower(): index for index, column in enumerate(page.get("columns") or ())}
    wanted = [_AMOUNT, _CURRENCY, *(key.column for key in question.keys), *([_DATE] if question.daily else [])]
    missing = [name for name in wanted if name not in columns]
    if missing:
        raise CollectionFailed(f"{API}: Azure's answer has no column {missing[0]!r}; it has {', '.join(columns)}")
    for row in page.get("rows") or ():
        yield Charge(
            day=_day(row[columns[_DATE]], question.window) if question.daily else None,
            amount=_money(row[columns[_AMOUNT]]),
            currency=str(row[columns[_CURRENCY]]),
            values={key.name: str(row[columns[key.column]] or "") for key in question.keys},
        )


def _day(number: Any, window: Window) -> datetime:
    """The day that Azure writes as the number 20261122."""
    try:
        text = str(int(number))
        day = datetime(int(text[:-4]), int(text[-4:-2]), int(text[-2:]), tzinfo=UTC)
    except (TypeError, ValueError):
        raise CollectionFailed(f"{API}: UsageDate {number!r} is no day such as 20261122") from None
    if day not in window:
        raise CollectionFailed(f"{API}: Azure answered for {window} with costs of {day:%Y-%m-%d}")
    return day


def _money(amount: Any) -> Decimal:
    if isinstance(amount, bool) or not isinstance(amount, int | float):
        raise CollectionFailed(f"{API}: the amount {repr(amount)[:60]} is no number")
    try:
        # The shortest decimal of a float is what Azure wrote.
        return parse_amount(str(amount))
    except ValueError as error:
        raise CollectionFailed(f"{API}: an amount is no number: {error}") from None


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def keys(*names: str) -> tuple[Key, ...]:
    """Dimensions by their names."""
    return tuple(map(Key, names))
