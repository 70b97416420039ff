"""List prices of virtual machines from the Azure Retail Prices API: one look-up tells all forms of a size."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from agents.azure.asking import ask
from agents.azure.calls import AzureCalls
from agents.azure.clouds import address_of
from agents.azure.session import AzureSession
from agents.core.items import Item, Listing
from agents.core.pricing.book import Price, price_book
from agents.core.pricing.unknown import NOT_LISTED, REFUSED
from telemetry.amounts import parse_amount
from telemetry.errors import CollectionError, CollectionFailed

API = "retailprices:items"

_PATH = "/api/retail/prices"
_VERSION = "2021-10-01-preview"
"""Later ones tell cases apart in a filter, and a machine's size may be written in any."""
_HOUR = "1 Hour"
_SERVICE = "Virtual Machines"
_WINDOWS, _CLOUD_SERVICES = "windows", ("cloud services", "cloudservices")
_SPOT, _LOW_PRIORITY = "spot", "low priority"
_MOST_PAGES = 50

Form = tuple[str, Price | None]
"""Which form of a size an item is the price of, empty where of none; and the price, None where it is unknown."""


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

    def __init__(self, calls: AzureCalls, *, of: str) -> None:
        """``of`` are the things that have prices: ``virtual machines``."""
        self._calls = calls
        self._things = of
        self._book = price_book(calls.context.shared)
        self._currency = calls.section.currency
        self._asked: dict[tuple[str, str], VmPrices | None] = {}
        self._unknown: set[object] = set()
        #: What refused the price list: it is not asked again in this collection.
        self._refusal: CollectionError | None = None

    def nothing(self) -> Price:
        """Zero."""
        return Price(Decimal(0), self._currency)

    @property
    def why_unknown(self) -> str:
        """Why a price that it does not have is unknown."""
        return NOT_LISTED if self._refusal is None else REFUSED

    def hourly(self, size: str, region: str, *, windows: bool = False, priority: str = "Regular") -> Price | None:
        """The list price an hour, or None: unknown."""
        found = self._find(size, region)
        price = None if found is None else found.of(windows=windows, priority=priority)
        if price is None:
            self.unknown((size, region, windows, priority))
        return price

    def unknown(self, what: object) -> None:
        """Count a price that is unknown; once for each ``what``."""
        if what not in self._unknown:
            self._unknown.add(what)
            self._calls.context.meter.unknown_price()

    def _find(self, size: str, region: str) -> VmPrices | None:
        key = (size.lower(), region)
        if key not in self._asked:
            name = f"azure/vm/{self._calls.section.cloud}/{self._currency}/{region}/{size.lower()}"
            self._asked[key] = None
            # Without its prices a machine is still a machine.
            with self._calls.context.part("prices", of=f"sizes of {self._things}"):
                self._asked[key] = self._book.find_as(VmPrices, name, lambda: self._look_up(size, region))
        return self._asked[key]

    def _look_up(self, size: str, region: str) -> VmPrices | None:
        if not (size and region and address_of(self._calls.section, "prices")):
            return None
        if self._refusal is not None:
            raise self._refusal
        try:
            found = list(items(self._calls, size, region))
        except CollectionError as error:
            self._refusal = error
            raise
        listing: Listing[Form] = Listing(self._calls.context, "items of the price list")
        return vm_prices(found, self._currency, self._calls.context.shared.now(), listing.read)


def items(calls: AzureCalls, size: str, region: str) -> Iterator[Any]:
    """What the price list has of a size in a region."""
    wanted = {"serviceName": _SERVICE, "priceType": "Consumption", "armRegionName": region, "armSkuName": size}
    query = {
        "api-version": _VERSION,
        "currencyCode": f"'{calls.section.currency}'",
        "$filter": " and ".join(f"{name} eq '{_escaped(value)}'" for name, value in wanted.items()),
    }
    for _ in range(_MOST_PAGES):
        page = calls.call(API, _getting(query)) or {}
        found, link = page.get("Items"), page.get("NextPageLink")
        if not isinstance(found, list) or not isinstance(link, str | None):
            raise CollectionFailed(f"{API}: Azure's answer is no page of prices for {size} in {region}")
        yield from found
        # The link names the public address; only where to go on is taken from it.
        following = dict(parse_qsl(urlsplit(link or "").query))
        if not link:
            return
        if not following.get("$skip") or following["$skip"] == query.get("$skip"):
            raise CollectionFailed(f"{API}: Azure's link to the next page has no $skip: the rest cannot be read")
        query = {**query, "$skip": following["$skip"]}
    raise CollectionFailed(f"{API}: more than {_MOST_PAGES} pages for {size} in {region}")


def _read(found: Any, make: Callable[[Item], Form]) -> Form | None:
    return make(Item.of(found))


def vm_prices(
    found: Iterable[Any],
    currency: str,
    now: datetime,
    read: Callable[[Any, Callable[[Item], Form]], Form | None] = _read,
) -> VmPrices | None:
    """The prices among the items of one size and region; None where there is not one.

    Two meters of one form that do not agree make it unknown, and so does a unit that is not an hour. An item whose
    form cannot be read may be any of them, and is none; ``read`` counts what is odd.
    """
    prices: dict[str, set[Price | None]] = {}
    for one in found:
        form, price = read(one, lambda item: _priced(item, currency, now)) or ("", None)
        if form:
            prices.setdefault(form, set()).add(price)
    known = {form: next(iter(one)) for form, one in prices.items() if len(one) == 1}
    return VmPrices(**known) if any(known.values()) else None


def _priced(item: Item, currency: str, now: datetime) -> Form:
    form = _form(item, now)
    if not form:
        return "", None
    # What is odd is counted, and makes the form unknown.
    item.real("retailPrice")
    item.real("tierMinimumUnits")
    return form, _price(item.fields, currency)


def _form(item: Item, now: datetime) -> str:
    """Which of the forms an item is the price of; empty where of none."""
    kind, service, term = item.expected("type"), item.expected("serviceName"), item.told("reservationTerm")
    if kind != "Consumption" or service != _SERVICE or term != "":
        return ""
    product, sku, meter = (item.expected(name) for name in ("productName", "skuName", "meterName"))
    if not (product and sku and meter):
        return ""
    product, names = product.lower(), f"{sku} {meter}".lower()
    if any(words in product for words in _CLOUD_SERVICES) or not _is_in_force(item, now):
        return ""
    suffix = "_spot" if _SPOT in names else "_low_priority" if _LOW_PRIORITY in names else ""
    return f"{'windows' if _WINDOWS in product else 'linux'}{suffix}"


def _is_in_force(item: Item, now: datetime) -> bool:
    since, until = item.time("effectiveStartDate", zone=UTC), item.time("effectiveEndDate", zone=UTC)
    if (since is None and item.has("effectiveStartDate")) or (until is None and item.has("effectiveEndDate")):
        return False
    return (since is None or since <= now) and (until is None or now < until)


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
        return ask(session.prices, "GET", _PATH, query)

    return send
