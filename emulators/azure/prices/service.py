"""`GET /api/retail/prices`: no token, OData filter, pages by `NextPageLink`."""

import time
from typing import Any
from urllib.parse import quote

from emulators.azure.buckets import Limits, Windows
from emulators.azure.errors import AzureError, json_reply
from emulators.azure.fault_errors import Form, throttled
from emulators.azure.operations import Operation, path
from emulators.azure.prices.catalog import PriceCatalog
from emulators.azure.prices.filters import FilterRefused, parse_filter
from emulators.azure.request import AzureRequest
from emulators.core.reply import Reply

_FOLDING_VERSIONS = {"2021-10-01", "2021-10-01-preview"}
_VERSIONS = _FOLDING_VERSIONS | {"2023-01-01-preview", "2023-03-01-preview", "2021-01-01"}
_SAVINGS_VERSIONS = {"2023-01-01-preview", "2023-03-01-preview"}
_LONGEST_FILTER = 2048


class PricesError(AzureError):
    """A refusal in this API's own shape, with capitals."""

    def payload(self) -> dict[str, Any]:
        """The body."""
        return {"Error": {"Code": self.code, "Message": self.message}}


class RetailPrices:
    """The price list of the public, over the wire."""

    def __init__(self, catalog: PriceCatalog, limits: Limits) -> None:
        self._catalog = catalog
        self._limits = limits
        self._quota = Windows(time.monotonic)

    def operations(self) -> list[Operation]:
        """What it serves."""
        return [Operation("retailprices:items", "GET", path("/api/retail/prices"), self._items)]

    def _items(self, request: AzureRequest) -> Reply:
        most, seconds = self._limits.prices
        _, wait = self._quota.take("", 1, [(most, seconds)])
        if wait:
            raise throttled(request, Form.RETRY_AFTER, wait)
        version = request.query.get("api-version", "")
        currency = request.query.get("currencycode", "USD").strip("'").upper()
        if (version and version not in _VERSIONS) or currency not in self._catalog.rates:
            raise _refused()
        found = self._found(request.query.get("$filter", ""), request.query.get("meterregion", ""), version)
        first, size = self._window(request)
        items = [self._catalog.priced(item, currency, version in _SAVINGS_VERSIONS) for item in found[first:][:size]]
        return json_reply(
            {
                "BillingCurrency": currency,
                "CustomerEntityId": "Default",
                "CustomerEntityType": "Retail",
                "Items": items,
                "NextPageLink": _link(request, first + size) if first + size < len(found) else None,
                "Count": len(items),
            }
        )

    def _found(self, text: str, meter_region: str, version: str) -> list[dict[str, Any]]:
        items = self._catalog.items()
        if meter_region.strip("'") == "primary":
            items = [item for item in items if item["isPrimaryMeterRegion"]]
        if not text:
            return items
        if len(text) > _LONGEST_FILTER:
            raise PricesError(404, "NotFound", "The resource cannot be found.")
        try:
            test = parse_filter(text, folded=version in _FOLDING_VERSIONS)
        except FilterRefused as refused:
            raise _refused() from refused
        return [item for item in items if test(item)]

    def _window(self, request: AzureRequest) -> tuple[int, int]:
        first, most = request.query.get("$skip", "0"), request.query.get("$top", f"{self._catalog.page_size}")
        if not first.isdecimal() or not most.isdecimal():
            raise _refused()
        return int(first), min(int(most), self._catalog.page_size)


def _link(request: AzureRequest, skip: int) -> str:
    # The names are written in full in every link, with the skip last, as the real one does.
    names = {"api-version": "api-version", "currencycode": "currencyCode", "$filter": "$filter"}
    kept = [f"{name}={quote(request.query[key], safe='')}" for key, name in names.items() if key in request.query]
    return f"{request.base}/api/retail/prices?{'&'.join([*kept, f'$skip={skip}'])}"


def _refused() -> PricesError:
    return PricesError(400, "BadRequest", "Invalid OData parameters supplied")
