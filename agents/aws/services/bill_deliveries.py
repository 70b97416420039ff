"""What AWS has delivered of the bill: the manifests in the bucket of an export."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from agents.aws.bills.bucket import GET, LIST, PRICES, Bucket
from agents.aws.bills.configured import named_export, names_of
from agents.aws.bills.finding import Finder, Found
from agents.aws.bills.health import PERMISSIONS, why_none_comes
from agents.aws.bills.manifests import Month, months_back
from agents.aws.bills.seen import gap, seen
from agents.aws.settings import BillExport
from agents.core.context import Context
from agents.core.service import Estimate, Service, service
from telemetry.records import Record
from telemetry.settings.providers import Account, ProviderSettings
from telemetry.target import Target, Window, format_time

_MONTHS = 14
"""This one and those that AWS may still correct: as many as Cost Explorer has."""
_LATE = timedelta(days=2)
"""AWS brings an export up to date at least once a day, and writes the first one within a day."""


@service("aws", "bill_deliveries")
class BillDeliveries(Service):
    """Deliveries of the bill by Data Exports and Cost and Usage Reports: which version of which month lies in S3.

    Only manifests are read, and each once. A new version has `bill_files` read the files of that month.
    """

    interval = timedelta(hours=1)
    fixed_interval = True
    delay = timedelta(0)
    regional = False
    delivers = "bill_files"
    permissions = (LIST, GET, *PERMISSIONS)
    paid = PRICES

    def collect(self, context: Context, target: Target, window: Window) -> Iterator[Record]:
        """The newest version of each month, and a reason for each that should be there and is not."""
        del window
        export, region = named_export(context, target)
        finder = Finder(Bucket(context, export, region), export, context.shared)
        now = context.shared.now()
        months = months_back(now, _MONTHS)
        found = finder.newest(months)
        for one in found:
            yield seen(context, finder, one, f"the bill of {one.period[0]:%Y-%m}")
        for month, reason in _missing(found, months[0], now, export):
            said = why_none_comes(context, export, region) if month == months[0] else ""
            why = f"{reason}; {said}" if said else reason
            context.partial(f"the bill of {month[0]:%Y-%m}", why, of=export.name)
            yield gap(month, why)

    def parts(self, section: ProviderSettings, account: Account) -> tuple[str, ...]:
        """The exports that the account's credentials read."""
        return names_of(section, account)

    def estimate(self, window: Window, resources: int) -> Estimate:
        """A listing; AWS writes a new manifest about three times a day."""
        del window, resources
        return Estimate(
            {"s3:ListObjectsV2": 1},
            PRICES["s3:ListObjectsV2"],
            more="a GetObject for each manifest that is new, a listing for each 1,000 of them",
        )


def _missing(found: list[Found], present: Month, now: datetime, export: BillExport) -> Iterator[tuple[Month, str]]:
    """The months that have no manifest between those that have one, and the present one where nothing new comes."""
    there = {one.period for one in found}
    for month in months_back(now, _MONTHS):
        if there and min(there) < month < max(there) and month not in there:
            yield month, f"there is no manifest of it in {export.url}, though there are of months before and after it"
    newest = max((one.entry.modified for one in found if one.entry.modified is not None), default=None)
    if newest is None:
        yield present, f"there is no manifest in {export.url}: AWS writes the first within a day; is the url right?"
    elif now - newest > _LATE:
        yield present, f"nothing new has come to {export.url} since {format_time(newest)}"
    elif present not in there and now - present[0] > _LATE:
        yield present, f"there is no manifest of it in {export.url} yet"
