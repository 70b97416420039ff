"""List prices of EKS's control planes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from agents.aws.calls import AwsCalls
from agents.aws.pricing.price_list import PriceList
from agents.core.items import Item, Listing
from agents.core.parts import Part
from agents.core.pricing import Price, price_book
from agents.core.pricing.unknown import REFUSED, Priced, Unknown
from telemetry.errors import Unavailable
from telemetry.target import Window

THINGS = "eks clusters"
_PAGE = 100
_VERSIONS = "eks:DescribeClusterVersions"


@dataclass(frozen=True)
class _Support:
    """When the standard support of each version of Kubernetes ends."""

    ends: Mapping[str, datetime]


class EksPrices:
    """The prices that one collection asks for."""

    def __init__(self, calls: AwsCalls) -> None:
        self._calls = calls
        self._list = PriceList(calls, THINGS)
        self._versions = Part(calls.context, "prices", THINGS)

    def on_demand(self, cluster: Item, part: Window) -> Priced:
        """What a control plane costs an hour over ``part``, or why that is unknown: counted once for each kind."""
        version = cluster.text("version")
        why = _why_unknown(cluster)
        if why:
            return self._list.unknown(f"eks {version} {why}", why)
        support = self._versions.ask(self._support)
        if self._versions.refused is not None:
            return Unknown(REFUSED)
        end = support.ends.get(version) if support is not None else None
        why = _why_unsupported(cluster, version, end, part)
        if why:
            return self._list.unknown(f"eks {version} {why}", why)
        standard = self._listed("CreateOperation")
        # A cluster whose policy is the standard one is upgraded at the end, and pays no more until then.
        if not isinstance(standard, Price) or end is None or part.end <= end or _policy(cluster) == "STANDARD":
            return standard
        more = self._listed("ExtendedSupport")
        return Price(standard.amount + more.amount, standard.currency) if isinstance(more, Price) else more

    def _listed(self, operation: str) -> Priced:
        fields = {"regionCode": self._calls.region, "locationType": "AWS Region", "operation": operation}
        return self._list.hourly("AmazonEKS", fields)

    def _support(self) -> _Support | None:
        key = f"aws/AmazonEKS/{self._calls.partition}/{self._calls.region}/support"
        return price_book(self._calls.context.shared).find_as(_Support, key, self._look_up)

    def _look_up(self) -> _Support | None:
        ends: dict[str, datetime] = {}
        listing: Listing[tuple[str, datetime | None]] = Listing(self._calls.context, "versions of Kubernetes")
        for page in self._calls.pages("eks", "DescribeClusterVersions", page_size=_PAGE):
            if not isinstance(page.get("clusterVersions"), list):
                raise Unavailable(f"{_VERSIONS}: an answer has no list clusterVersions: it is asked for anew")
            found = listing.each(page, "clusterVersions", _end_of)
            ends |= {version: end for version, end in found if end is not None}
        return _Support(ends) if ends else None


def _end_of(item: Item) -> tuple[str, datetime | None]:
    return item.key("clusterVersion"), item.time("endOfStandardSupportDate")


def _policy(cluster: Item) -> str:
    return cluster.item("upgradePolicy").text("supportType")


def _why_unknown(cluster: Item) -> str:
    """What of a cluster of DescribeCluster has no list price; empty for nothing."""
    tier = cluster.item("controlPlaneScalingConfig").text("tier")
    if cluster.has("controlPlaneScalingConfig") and tier != "standard":
        return f"no price is known of the tier {tier or '(not readable)'}"
    if cluster.has("outpostConfig"):
        return "it is on an Outpost"
    return "EKS does not run it" if cluster.has("connectorConfig") else ""


def _why_unsupported(cluster: Item, version: str, end: datetime | None, part: Window) -> str:
    """Why its price may hold a part for the extended support of its version; empty where that is known."""
    if end is None:
        return f"until when version {version or '(not told)'} has standard support is not known"
    policy = _policy(cluster)
    if part.end <= end or policy == "STANDARD":
        return ""
    if part.start < end:
        return "its standard support ends in the window"
    return "" if policy == "EXTENDED" else f"whether it pays for extended support is not told by {policy or 'EKS'}"
