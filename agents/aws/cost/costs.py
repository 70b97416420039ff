"""Cost Explorer's GetCostAndUsage, page by page. Every page is billed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from agents.aws.calls import AwsCalls
from agents.core.items import UNREAD, Item
from telemetry.amounts import parse_amount
from telemetry.errors import CollectionFailed, Denied, Unavailable

API = "ce:GetCostAndUsage"
PAID: Mapping[str, Decimal] = MappingProxyType({API: Decimal("0.01")})
UNBLENDED = "UnblendedCost"
AMORTIZED = "AmortizedCost"
NET_UNBLENDED = "NetUnblendedCost"
NET_AMORTIZED = "NetAmortizedCost"

_GROSS = (UNBLENDED, AMORTIZED)
_NET = (NET_UNBLENDED, NET_AMORTIZED)
# Member accounts see net costs only where the management account lets them.
_NOT_NET = re.compile(r"ValidationException|(?i:net[ _]?(?:unblended|amortized))")
_NOT_ENABLED = re.compile(r"(?i)not enabled for cost explorer")
_ALLOW = re.compile(r": allow \S+ to account '[^']*'")
_FORMATS = {"HOURLY": "%Y-%m-%dT%H:%M:%SZ", "DAILY": "%Y-%m-%d", "MONTHLY": "%Y-%m-%d"}


@dataclass(frozen=True)
class Span:
    """``[start, end)`` in UTC, cut by ``granularity``: HOURLY, DAILY or MONTHLY."""

    start: datetime
    end: datetime
    granularity: str

    @property
    def text(self) -> dict[str, str]:
        """As Cost Explorer takes it; its End is exclusive too."""
        form = _FORMATS[self.granularity]
        return {"Start": self.start.strftime(form), "End": self.end.strftime(form)}


@dataclass(frozen=True)
class Key:
    """What is grouped by: a dimension, or a tag."""

    name: str
    tag: bool = False

    @property
    def definition(self) -> dict[str, str]:
        """As a GroupBy has it."""
        return {"Type": "TAG" if self.tag else "DIMENSION", "Key": self.name}

    def value(self, text: str) -> str:
        """The value in an answer's key: a tag's comes as ``team$search``."""
        return text.removeprefix(f"{self.name}$") if self.tag else text


@dataclass(frozen=True)
class Group:
    """What one period cost for one combination of keys; without keys: the period is there, and has no costs."""

    #: As Cost Explorer writes it.
    start: str
    end: str
    estimated: bool
    keys: tuple[str, ...] = ()
    currency: str = ""
    #: By AWS's names; one that it does not tell is not there.
    amounts: Mapping[str, Decimal] = field(default_factory=dict)
    #: What of it could not be read; empty for nothing. A bill with such a group is not whole.
    fault: str = ""


@dataclass(frozen=True)
class Page:
    """The groups of one call."""

    groups: list[Group]
    #: Descriptions of values where AWS has some: the names of linked accounts.
    names: Mapping[str, str]


class _Withheld:
    """Whether an account is refused net costs: found out once a process."""

    def __init__(self) -> None:
        self.net = False


class CostReader:
    """The costs of one span of time, cut in whichever ways are asked for."""

    def __init__(self, calls: AwsCalls, span: Span) -> None:
        self._calls = calls
        self._span = span
        context = calls.context
        self._withheld = context.shared.once(("aws costs", context.account.name), _Withheld)

    def pages(self, keys: Sequence[Key], only: tuple[str, str] | None = None) -> Iterator[Page]:
        """By at most two keys; ``only`` is a dimension and the value that it must have."""
        parameters: dict[str, Any] = {
            "TimePeriod": self._span.text,
            "Granularity": self._span.granularity,
            "GroupBy": [key.definition for key in keys],
        }
        if only is not None:
            parameters["Filter"] = {"Dimensions": {"Key": only[0], "Values": [only[1]]}}
        token = ""
        seen: dict[tuple[str, tuple[str, ...]], Group] = {}
        while True:
            answer = self._ask(parameters | ({"NextPageToken": token} if token else {}))
            yield _once(_page(answer, keys), seen)
            former, token = token, answer.get("NextPageToken", "")
            if not token:
                return
            if token == former:
                raise Unavailable(f"{API}: AWS gave one page token twice: the listing is read anew at the next attempt")

    def _ask(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """One page, without net costs where they are withheld. A refusal costs nothing."""
        if not self._withheld.net:
            try:
                return self._call(parameters, (*_GROSS, *_NET))
            except (CollectionFailed, Denied) as error:
                if "NextPageToken" in parameters or not _NOT_NET.search(str(error)):
                    raise
            answer = self._call(parameters, _GROSS)
            self._withheld.net = True
            return answer
        return self._call(parameters, _GROSS)

    def _call(self, parameters: dict[str, Any], metrics: Sequence[str]) -> dict[str, Any]:
        try:
            return self._calls.call("ce", "GetCostAndUsage", **parameters, Metrics=list(metrics))
        except (CollectionFailed, Denied) as error:
            raise _explained(error, self._span.granularity) from None


def _explained(error: CollectionFailed | Denied, granularity: str) -> CollectionFailed | Denied:
    """With the remedy, where AWS's own words do not say it."""
    said = str(error)
    if _NOT_ENABLED.search(said):
        own_words = _ALLOW.sub("", said)
        return Denied(
            f"{own_words}: it is no permission that is missing: open Cost Explorer once in the Billing console of the "
            "management account, and let member accounts see costs there if this is one"
        )
    refused = "ValidationException" in said or "DataUnavailableException" in said
    if granularity == "HOURLY" and refused:
        return CollectionFailed(
            f"{said}: hourly costs reach back 14 days, and only where hourly granularity is enabled in the Cost "
            "Management preferences of the management account: enable it, ask for later hours, or use DAILY"
        )
    if "DataUnavailableException" in said:
        return CollectionFailed(
            f"{said}: after Cost Explorer is opened for the first time in the Billing console, its data takes a day"
        )
    return error


def _once(page: Page, seen: dict[tuple[str, tuple[str, ...]], Group]) -> Page:
    """The page without the groups that came before. CollectionFailed where one comes again with other amounts."""
    found: list[Group] = []
    for group in page.groups:
        place = (group.start, group.keys)
        former = seen.setdefault(place, group)
        if former is group:
            found.append(group)
        elif former != group:
            what = f"{' / '.join(group.keys)} on {group.start}"
            raise CollectionFailed(f"{API}: {what} is there twice, with two amounts: it is read anew")
    return Page(found, page.names)


def _page(answer: Mapping[str, Any], keys: Sequence[Key]) -> Page:
    """CollectionFailed where a period or a group cannot be told: what is on a bill is all there or it is none."""
    item = Item(answer)
    groups: list[Group] = []
    if not item.has("ResultsByTime"):
        raise Unavailable(f"{API}: an answer has no ResultsByTime: it is asked for anew")
    for result in item.items("ResultsByTime"):
        period = result.item("TimePeriod")
        estimated = result.flag("Estimated")
        for name in ("Estimated", "Groups"):
            if not result.has(name):
                result.fault(name)
        place = (_day(period, "Start"), _day(period, "End"), estimated is not False)
        found = [_group(group, keys, place) for group in result.items("Groups")]
        groups += found or [Group(*place)]
    attributes = item.items("DimensionValueAttributes")
    names = {one.text("Value"): one.item("Attributes").text("description") for one in attributes}
    if item.faults:
        raise CollectionFailed(f"{API}: {', '.join(sorted(item.faults))}: {UNREAD}: it is read anew")
    return Page(groups, names)


def _day(period: Item, name: str) -> str:
    text = period.needed(name)
    try:
        moment_of(text)
    except ValueError:
        period.fault(name)
    return text


def _group(item: Item, keys: Sequence[Key], place: tuple[str, str, bool]) -> Group:
    """One group. An amount that cannot be read is not among its amounts, and it says so."""
    told = item.texts("Keys")
    if len(told) != len(keys):
        item.fault("Keys")
    values = tuple(key.value(text) for key, text in zip(keys, told, strict=False))
    metrics = item.item("Metrics")
    own = Item(metrics.fields)
    amounts: dict[str, Decimal] = {}
    currencies: set[str] = set()
    for name in own.fields:
        metric = own.item(name)
        currencies.add(metric.needed("Unit"))
        try:
            amounts[name] = parse_amount(metric.text("Amount"))
        except ValueError as error:
            own.fault(f"{name}.Amount {error}")
    what = " / ".join(values)
    if len(currencies - {""}) != 1:
        found = ", ".join(sorted(currencies)) or "none"
        raise CollectionFailed(f"{API}: the amounts of {what} have not one currency, but {found}")
    fault = f"{API}: an amount of {what}: {', '.join(sorted(own.faults))}" if own.faults else ""
    return Group(*place, values, max(currencies), amounts, fault)


def moment_of(text: str) -> datetime:
    """The time that Cost Explorer writes as ``2026-11-24`` or ``2026-11-24T05:00:00Z``."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
