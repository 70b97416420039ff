"""The regions that an account has enabled: what ``regions: all`` stands for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from functools import partial

from agents.aws.calls import AwsCalls
from agents.aws.regions import home_calls
from agents.core.context import Context
from agents.core.items import Item, Listing
from agents.core.service import Estimate, Service, service
from telemetry.records import AttributeValue, Record, Resource
from telemetry.target import Target, Window

API = "ec2:DescribeRegions"


@service("aws", "regions")
class Regions(Service):
    """Every region of AWS, and whether the account has enabled it: collected of accounts with ``regions: all``.

    The planner, which has no credentials, finds in the database what a worker with credentials has found here.
    """

    interval = timedelta(hours=1)
    fixed_interval = True
    delay = timedelta(0)
    regional = False
    opt_in = True
    reports_regions = True
    permissions = (API, "sts:GetCallerIdentity")

    def collect(self, context: Context, target: Target, window: Window) -> Iterator[Record]:
        """A resource a region. What one account has enabled is its own, so the account's name is part of its id."""
        del window
        calls = home_calls(context)
        listing: Listing[Resource] = Listing(context, "regions", key=lambda one: one.resource_id)
        answer = calls.call("ec2", "DescribeRegions", AllRegions=True)
        yield from listing.each(answer, "Regions", partial(_region, target, calls))

    def estimate(self, window: Window, resources: int) -> Estimate:
        """One call, which has all regions."""
        del window, resources
        return Estimate({API: 1}, Decimal(0))


def _region(target: Target, calls: AwsCalls, item: Item) -> Resource:
    name = item.key("RegionName")
    status = item.needed("OptInStatus")
    # Only one word says that it is not: to ask elsewhere in vain is refused, and not to ask would be a gap.
    attributes: dict[str, AttributeValue] = {"enabled": status != "not-opted-in"}
    if status:
        attributes["opt_in_status"] = status
    return Resource(
        provider="aws",
        account=calls.account_id,
        region=name,
        service=target.service,
        resource_id=f"{target.account}/{name}",
        name=name,
        attributes=attributes,
    )
