"""What spot instances cost: AWS publishes every change of every price, by type, product and zone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

from agents.aws.calls import AwsCalls
from agents.aws.pricing.price_list import currency_of
from agents.core.pricing import Price
from telemetry.amounts import parse_amount
from telemetry.errors import CollectionFailed
from telemetry.target import Window

PERMISSION = "ec2:DescribeSpotPriceHistory"
_PAGE = 1000
_PRODUCTS = frozenset({"Linux/UNIX", "Red Hat Enterprise Linux", "SUSE Linux", "Windows"})
"""The platforms that spot instances are sold with, as DescribeInstances names them too."""
FIELDS = ("InstanceLifecycle", "InstanceType", "Placement", "PlatformDetails")
"""What of an instance of DescribeInstances its price depends on."""

_Kind = tuple[str, str, str]
"""Type, product, zone."""


def is_spot(instance: Mapping[str, Any]) -> bool:
    """Whether an instance of DescribeInstances is billed at the spot price."""
    return instance.get("InstanceLifecycle") == "spot"


class SpotPrices:
    """The spot prices of one window, asked for when instances of a kind turn up that was not asked for yet."""

    def __init__(self, calls: AwsCalls, window: Window) -> None:
        self._calls = calls
        self._window = window
        self._currency = currency_of(calls.partition)
        self._asked: set[tuple[str, str]] = set()
        self._changes: defaultdict[_Kind, dict[datetime, Decimal]] = defaultdict(dict)
        self._unknown: set[_Kind] = set()

    def read(self, instances: Iterable[Mapping[str, Any]]) -> None:
        """Make sure that the prices of ``instances`` are there: at most one call, and its pages."""
        kinds = {(one["InstanceType"], one.get("PlatformDetails", "")) for one in instances}
        wanted = {kind for kind in kinds - self._asked if kind[1] in _PRODUCTS}
        if not wanted:
            return
        self._asked |= wanted
        pages = self._calls.pages(
            "ec2",
            "DescribeSpotPriceHistory",
            page_size=_PAGE,
            InstanceTypes=sorted({kind for kind, _ in wanted}),
            ProductDescriptions=sorted({product for _, product in wanted}),
            StartTime=self._window.start,
            EndTime=self._window.end,
        )
        for page in pages:
            for change in page["SpotPriceHistory"]:
                key = (change["InstanceType"], change["ProductDescription"], change["AvailabilityZone"])
                self._changes[key][change["Timestamp"].astimezone(UTC)] = _price(change["SpotPrice"], key)

    def parts(self, instance: Mapping[str, Any], start: datetime, end: datetime) -> Iterator[tuple[Window, Price]]:
        """The parts of ``[start, end)`` with the price of each; a price that is unknown is counted once a kind."""
        zone = instance.get("Placement", {}).get("AvailabilityZone", "")
        kind = (instance["InstanceType"], instance.get("PlatformDetails", ""), zone)
        changes = sorted(self._changes.get(kind, {}).items())
        if not changes or changes[0][0] > start:
            self._count(kind)
        bounds = [moment for moment, _ in changes]
        for (since, until), (_, amount) in zip(pairwise([*bounds, max([end, *bounds])]), changes, strict=True):
            first, last = max(start, since), min(end, until)
            if first < last:
                yield Window(first, last), Price(amount, self._currency)

    def _count(self, kind: _Kind) -> None:
        if kind not in self._unknown:
            self._unknown.add(kind)
            self._calls.context.meter.unknown_price()


def _price(text: str, kind: _Kind) -> Decimal:
    try:
        return parse_amount(text)
    except ValueError as error:
        raise CollectionFailed(f"{PERMISSION}: the price of {' / '.join(kind)}: {error}") from None
