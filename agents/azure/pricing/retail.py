"""List prices of virtual machines from the Azure Retail Prices API: one look-up tells all forms of a size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from agents.azure.calls import AzureCalls, get_json
from agents.azure.clouds import address_of
from agents.azure.session import AzureSession
from agents.core.pricing.book import Price, price_book
from telemetry.amounts import parse_amount
from telemetry.errors import CollectionFailed

API = "retailprices:items"

_PATH = "/api/retail/prices"
_VERSION = "2021-10-01-preview"
"""Later ones tell cases apart in a filter, and a machine's size may be written in any."""
_HOUR = "1 Hour"
_SERVICE = "Virtual Machines"
_WINDOWS, _CLOUD_SERVICES = "windows", ("cloud services", "cloudservices")
_SPOT, _LOW_PRIORITY = "spot", "low priority"
_MOST_PAGES = 50


@dataclass(frozen=True)
class VmPrices:
    """What one size of virtual machine costs in one region, an hour. None is unknown."""

    linux: Price | None = None
    windows: Price | None = None
    linux_spot: Price | None = None
    windows_spot: Price | None = None
    linux_low_priority: Price | None = None
    windows_low_priority: Price | None = None

    def of(self, *, windows: bool, priority: str) -> Price | None:
        """The price by what Azure calls the priority: ``Regular``, ``Spot``, ``Low``."""
        named = {"regular": "", "spot": "_spot", "low": "_low_priority"}.get((priority or "Regular").lower())
        if named is None:
            return None
        price: Price | None = getattr(self, f"{'windows' if windows else 'linux'}{named}")
        return price


class VmPriceList:
    """The prices that one collection asks for. Each that is unknown is counted once in its report."""

    def __init__(self, calls: AzureCalls) -> None:
        self._calls = calls
        self._book = price_book(calls.context.shared)
        self._currency = calls.section.currency
        self._asked: dict[tuple[str, str], VmPrices | None] = {}
        self._unknown: set[object] = set()

    def nothing(self) -> Price:
        """Zero."""
        return Price(Decimal(0), self._currency)

    def hourly(self, size: str, region: str, *, windows: bool = False, priority: str = "Regular") -> Price | None:
        """The list price an hour, or None: unknown."""
        key = (size.lower(), region)
        if key not in self._asked:
            name = f"azure/vm/{self._calls.section.cloud}/{self._currency}/{region}/{size.lower()}"
            self._asked[key] = self._book.find_as(VmPrices, name, lambda: self._look_up(size, region))
        found = self._asked[key]
        price = None if found is None else found.of(windows=windows, priority=priority)
        if price is None:
            self.unknown((size, region, windows, priority))
        return price

    def unknown(self, what: object) -> None:
        """Count a price that is unknown; once for each ``what``."""
        if what not in self._unknown:
            self._unknown.add(what)
            self._calls.context.meter.unknown_price()

    def _look_up(self, size: str, region: str) -> VmPrices | None:
        if not (size and region and address_of(self._calls.section, "prices")):
            return None
        return vm_prices(items(self._calls, size, region), self._currency, self._calls.context.shared.now())


def items(calls: AzureCalls, size: str, region: str) -> Iterator[Mapping[str, Any]]:
    """What the price list has of a size in a region."""
    wanted = {"serviceName": _SERVICE, "priceType": "Consumption", "armRegionName": region, "armSkuName": size}
    query = {
        "api-version": _VERSION,
        "currencyCode": f"'{calls.section.currency}'",
        "$filter": " and ".join(f"{name} eq '{_escaped(value)}'" for name, value in wanted.items()),
    }
    for _ in range(_MOST_PAGES):
        page = calls.call(API, _getting(query))
        yield from page["Items"]
        # The link names the public address; only where to go on is taken from it.
        link = dict(parse_qsl(urlsplit(page.get("NextPageLink") or "").query))
        if "$skip" not in link:
            return
        query = {**query, "$skip": link["$skip"]}
    raise CollectionFailed(f"{API}: more than {_MOST_PAGES} pages for {size} in {region}")


def vm_prices(found: Iterator[Mapping[str, Any]], currency: str, now: datetime) -> VmPrices | None:
    """The prices among the items of one size and region; None where there is not one.

    Two meters of one form that do not agree make it unknown, and so does a unit that is not an hour.
    """
    prices: dict[str, set[Price | None]] = {}
    for item in found:
        form = _form(item, now)
        if form:
            prices.setdefault(form, set()).add(_price(item, currency))
    known = {form: next(iter(one)) for form, one in prices.items() if len(one) == 1}
    return VmPrices(**known) if any(known.values()) else None


def _form(item: Mapping[str, Any], now: datetime) -> str:
    """Which of the forms an item is the price of; empty where of none."""
    product = str(item.get("productName", "")).lower()
    if item.get("type") != "Consumption" or item.get("serviceName") != _SERVICE or item.get("reservationTerm"):
        return ""
    if any(words in product for words in _CLOUD_SERVICES) or not _is_in_force(item, now):
        return ""
    names = f"{item.get('skuName', '')} {item.get('meterName', '')}".lower()
    suffix = "_spot" if _SPOT in names else "_low_priority" if _LOW_PRIORITY in names else ""
    return f"{'windows' if _WINDOWS in product else 'linux'}{suffix}"


def _is_in_force(item: Mapping[str, Any], now: datetime) -> bool:
    since, until = _time(item.get("effectiveStartDate")), _time(item.get("effectiveEndDate"))
    return (since is None or since <= now) and (until is None or now < until)


def _time(text: Any) -> datetime | None:
    if not text:
        return None
    moment = datetime.fromisoformat(str(text))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _price(item: Mapping[str, Any], currency: str) -> Price | None:
    if item.get("unitOfMeasure") != _HOUR or item.get("currencyCode") != currency or item.get("tierMinimumUnits"):
        return None
    try:
        # The shortest decimal of the number is what the list has.
        amount = parse_amount(str(item.get("retailPrice")))
    except ValueError:
        return None
    return Price(amount, currency) if amount > 0 else None


def _escaped(text: str) -> str:
    return text.replace("'", "''")


def _getting(query: dict[str, str]) -> Any:
    def send(session: AzureSession) -> Any:
        return get_json(session.prices, _PATH, query)

    return send
