"""What spot instances cost: AWS publishes every change of every price, by type, product and zone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import pairwise

from agents.aws.calls import AwsCalls
from agents.aws.pricing.ec2 import THINGS, why_unknown
from agents.aws.pricing.price_list import currency_of
from agents.core.items import Item, Listing
from agents.core.parts import Part
from agents.core.pricing import Price
from agents.core.pricing.unknown import Unknown
from telemetry.amounts import parse_amount
from telemetry.errors import Unavailable
from telemetry.target import Window

PERMISSION = "ec2:DescribeSpotPriceHistory"
_PAGE = 1000
_PRODUCTS = frozenset({"Linux/UNIX", "Red Hat Enterprise Linux", "SUSE Linux", "Windows"})
"""The platforms that spot instances are sold with, as DescribeInstances names them too."""


@dataclass(frozen=True)
class SpotKind:
    """What the price of a spot instance depends on."""

    type: str
    product: str
    zone: str

    def may_be(self, other: SpotKind) -> bool:
        """Whether ``other``, of which not all is told, may be this kind."""
        return other.type in {"", self.type} and other.product in {"", self.product} and other.zone in {"", self.zone}


_Change = tuple[SpotKind, datetime | None, Decimal | None]


def is_spot(instance: Item) -> bool:
    """Whether an instance of DescribeInstances is billed at the spot price."""
    return instance.text("InstanceLifecycle") == "spot"


def kind_of(instance: Item, region: str) -> SpotKind | Unknown:
    """What a spot instance's price depends on; Unknown where it depends on more than spot prices tell of."""
    why = why_unknown(instance, region)
    product = instance.text("PlatformDetails")
    if not why and product not in _PRODUCTS:
        why = f"spot prices are not published for the platform {product}"
    if why:
        return Unknown(why)
    return SpotKind(instance.text("InstanceType"), product, instance.item("Placement").text("AvailabilityZone"))


class SpotPrices:
    """The spot prices of one window, asked for when instances of a kind turn up that was not asked for yet.

    Where they may not be asked for they are unknown, and the report names the permission.
    """

    def __init__(self, calls: AwsCalls, window: Window) -> None:
        self._calls = calls
        self._window = window
        self._currency = currency_of(calls.partition)
        self._asked: set[tuple[str, str]] = set()
        self._changes: dict[SpotKind, dict[datetime, Decimal | None]] = {}
        self._unknown: set[SpotKind] = set()
        self._part = Part(calls.context, "spot prices", THINGS)

    def read(self, kinds: Iterable[SpotKind]) -> None:
        """Make sure that the prices of ``kinds`` are there: at most one call, and its pages."""
        wanted = {(one.type, one.product) for one in kinds} - self._asked
        if wanted:
            self._asked |= wanted
            self._part.ask(lambda: self._read(wanted))

    def _read(self, wanted: set[tuple[str, str]]) -> None:
        pages = self._calls.pages(
            "ec2",
            "DescribeSpotPriceHistory",
            page_size=_PAGE,
            InstanceTypes=sorted({kind for kind, _ in wanted}),
            ProductDescriptions=sorted({product for _, product in wanted}),
            StartTime=self._window.start,
            EndTime=self._window.end,
        )
        listing: Listing[_Change] = Listing(self._calls.context, "spot prices")
        found: defaultdict[SpotKind, dict[datetime, Decimal | None]] = defaultdict(dict)
        broken: list[SpotKind] = []
        for page in pages:
            if not isinstance(page.get("SpotPriceHistory"), list):
                raise Unavailable(f"{PERMISSION}: an answer has no list SpotPriceHistory: it is asked for anew")
            for kind, moment, price in listing.each(page, "SpotPriceHistory", _change):
                if moment is None or "" in (kind.type, kind.product, kind.zone):
                    broken.append(kind)
                else:
                    # Two that differ: nobody knows which applies.
                    former = found[kind].get(moment, price)
                    found[kind][moment] = price if former == price else None
        # Only a history that is whole says which price was in force.
        self._changes.update({kind: changes for kind, changes in found.items() if not any(map(kind.may_be, broken))})

    def parts(self, kind: SpotKind, start: datetime, end: datetime) -> Iterator[tuple[Window, Price]]:
        """The parts of ``[start, end)`` with the price of each; a price that is unknown is counted once a kind."""
        changes = sorted(self._changes.get(kind, {}).items())
        if not changes or changes[0][0] > start or any(amount is None for _, amount in changes):
            self._count(kind)
        bounds = [moment for moment, _ in changes]
        for (since, until), (_, amount) in zip(pairwise([*bounds, max([end, *bounds])]), changes, strict=True):
            first, last = max(start, since), min(end, until)
            if first < last and amount is not None:
                yield Window(first, last), Price(amount, self._currency)

    def _count(self, kind: SpotKind) -> None:
        if kind not in self._unknown and self._part.refused is None:
            self._unknown.add(kind)
            self._calls.context.meter.unknown_price()


def _change(item: Item) -> _Change:
    """One change of a price. Where it cannot be placed, nobody knows which price was in force after it."""
    kind = SpotKind(item.needed("InstanceType"), item.needed("ProductDescription"), item.needed("AvailabilityZone"))
    moment = item.time("Timestamp")
    if moment is None:
        item.fault("Timestamp")
    try:
        return kind, moment, parse_amount(item.text("SpotPrice"))
    except ValueError:
        item.fault("SpotPrice")
        return kind, moment, None
