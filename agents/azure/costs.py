"""Cost Management's query API: what a subscription was charged, cut by dimensions and tags, page by page."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

from agents.azure.asking import ask
from agents.azure.calls import AzureCalls
from agents.azure.permissions import COSTS
from agents.azure.session import AzureSession
from agents.core.items import UNREAD
from telemetry.amounts import parse_amount
from telemetry.errors import CollectionFailed, Unavailable
from telemetry.target import Window
from telemetry.wording import written

API = "costmanagement:query"
PERMISSION = COSTS
ACTUAL = "ActualCost"
"""What is invoiced: a reservation on the day that it is bought."""
AMORTIZED = "AmortizedCost"
"""The same with purchases spread over the time that they are for."""

_AMOUNT, _DATE, _CURRENCY, _TAG_VALUE = "cost", "usagedate", "currency", "tagvalue"
_SECOND = timedelta(seconds=1)
_VERSION = "2025-03-01"
_ISO_4217 = re.compile(r"[A-Z]{3}")


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
    """What was charged, row by row; each page is asked for when it is needed, and none is left out.

    A row that cannot be read is left out and counted; where not one can be, that is no bill.
    """
    rows = _Rows(calls, question)
    token = ""
    while True:
        page = calls.call(API, _asking(f"/subscriptions/{calls.subscription}", question.body, token))
        # Azure answers with nothing at all where there is nothing to tell.
        if page is None:
            return
        found = page.get("properties")
        if not isinstance(found, dict):
            raise Unavailable(f"{API}: Azure's answer has no rows: the bill is read anew at the next attempt")
        yield from rows.of(found)
        former, token = token, _token(found.get("nextLink"))
        if not token:
            rows.check()
            return
        if token == former:
            raise Unavailable(f"{API}: Azure gave one page twice: the bill is read anew at the next attempt")


def _asking(scope: str, body: dict[str, Any], token: str) -> Callable[[AzureSession], Any]:
    query = {"api-version": _VERSION, **({"$skiptoken": token} if token else {})}

    def send(session: AzureSession) -> Any:
        return ask(session.costs, "POST", f"{scope}/providers/Microsoft.CostManagement/query", query, body=body)

    return send


def _token(link: Any) -> str:
    if not link:
        return ""
    try:
        query = {name.lower(): values for name, values in parse_qs(urlsplit(link).query).items()}
    except (ValueError, TypeError, AttributeError):
        query = {}
    if not query.get("$skiptoken"):
        raise CollectionFailed(f"{API}: Azure's link to the next page has no $skiptoken: the rest cannot be read")
    return str(query["$skiptoken"][0])


class _Rows:
    """The rows of one query, page by page: a group of charges is on one of them."""

    def __init__(self, calls: AzureCalls, question: Question) -> None:
        self._calls = calls
        self._question = question
        #: Hashes of the rows of the page before: pages that overlap do so at their ends.
        self._former: set[int] = set()
        self._read = 0
        self._fault = ""

    def of(self, page: Mapping[str, Any]) -> Iterator[Charge]:
        """The charges of a page."""
        columns, rows = _columns(page, self._question), page.get("rows")
        if not isinstance(rows, list):
            raise Unavailable(f"{API}: Azure's answer has no rows: the bill is read anew at the next attempt")
        here: set[int] = set()
        for row in rows:
            key = hash(repr(row))
            if key in here:
                why = "Azure told it twice: it is counted once"
                self._calls.context.partial("whether it is one charge or two", why, of="rows of the bill")
                continue
            here.add(key)
            if key not in self._former:
                yield from self._charge(row, columns)
        self._former = here

    def check(self) -> None:
        """CollectionFailed where there were rows, and not one that can be read."""
        if self._fault and not self._read:
            raise CollectionFailed(self._fault)

    def _charge(self, row: Any, columns: Mapping[str, int]) -> Iterator[Charge]:
        try:
            charge = self._charge_of(row, columns)
        except CollectionFailed as error:
            # Without it the bill is too low: it takes the place of no whole one, and is read again.
            meter, of = self._calls.context.meter, "rows of the bill"
            if self._fault:
                meter.partial("the amounts", error.message, of=of)
            else:
                self._fault = error.message
                meter.refused("the amounts", error, of=of)
            return
        self._read += 1
        yield charge

    def _charge_of(self, row: Any, columns: Mapping[str, int]) -> Charge:
        """CollectionFailed where it says not how much was charged, in which currency, or when."""
        if not isinstance(row, list) or len(row) <= max(columns.values()):
            raise CollectionFailed(f"{API}: a row has no value for each column")
        question = self._question
        return Charge(
            day=_day(row[columns[_DATE]], question.window) if question.daily else None,
            amount=_money(row[columns[_AMOUNT]]),
            currency=_currency(row[columns[_CURRENCY]]),
            values={key.name: self._label(key, row[columns[key.column]]) for key in question.keys},
        )

    def _label(self, key: Key, value: Any) -> str:
        if value is None or isinstance(value, str):
            return value or ""
        self._calls.context.partial(key.name, UNREAD, of="rows of the bill")
        return ""


def _columns(page: Mapping[str, Any], question: Question) -> dict[str, int]:
    told = page.get("columns")
    names = [one.get("name") if isinstance(one, Mapping) else None for one in told] if isinstance(told, list) else []
    columns = {str(name).lower(): index for index, name in enumerate(names) if name}
    wanted = [_AMOUNT, _CURRENCY, *(key.column for key in question.keys), *([_DATE] if question.daily else [])]
    missing = [name for name in wanted if name not in columns]
    if missing:
        raise CollectionFailed(f"{API}: Azure's answer has no column {missing[0]!r}; it has {', '.join(columns)}")
    return {name: columns[name] for name in wanted}


def _day(number: Any, window: Window) -> datetime:
    """The day that Azure writes as the number 20261122."""
    try:
        # No bool, and no fraction.
        text = str(int(number)) if type(number) in {int, float, str} and int(number) == float(number) else ""
        day = datetime(int(text[:-4]), int(text[-4:-2]), int(text[-2:]), tzinfo=UTC)
    except (TypeError, ValueError, OverflowError):
        raise CollectionFailed(f"{API}: UsageDate {written(number)} is no day such as 20261122") from None
    if day not in window:
        raise CollectionFailed(f"{API}: Azure answered for {window} with costs of {day:%Y-%m-%d}")
    return day


def _money(amount: Any) -> Decimal:
    if type(amount) not in {int, float}:
        raise CollectionFailed(f"{API}: the amount {written(amount)} is no number")
    try:
        # The shortest decimal of a float is what Azure wrote.
        return parse_amount(str(amount))
    except ValueError as error:
        raise CollectionFailed(f"{API}: an amount is no number: {error}") from None


def _currency(code: Any) -> str:
    if not isinstance(code, str) or not _ISO_4217.fullmatch(code):
        raise CollectionFailed(f"{API}: the currency {written(code)} is no code such as USD")
    return code


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def keys(*names: str) -> tuple[Key, ...]:
    """Dimensions by their names."""
    return tuple(map(Key, names))
