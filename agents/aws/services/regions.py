"""The regions that an account has enabled: what ``regions: all`` stands for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

from agents.aws.regions import home_calls
from agents.core.context import Context
from agents.core.service import Estimate, Service, service
from telemetry.records import Record, Resource
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
        for region in calls.call("ec2", "DescribeRegions", AllRegions=True)["Regions"]:
            name = region["RegionName"]
            status = region.get("OptInStatus", "opt-in-not-required")
            yield Resource(
                provider="aws",
                account=calls.account_id,
                region=name,
                service=target.service,
                resource_id=f"{target.account}/{name}",
                name=name,
                attributes={"opt_in_status": status, "enabled": status != "not-opted-in"},
            )

    def estimate(self, window: Window, resources: int) -> Estimate:
        """One call, which has all regions."""
        del window, resources
        return Estimate({API: 1}, Decimal(0))
