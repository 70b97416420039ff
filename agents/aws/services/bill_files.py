"""The bill as AWS wrote it into S3: every line of a month, added up by day and resource."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from decimal import Decimal

from agents.aws.bills.bucket import GET, LIST, PRICES, Bucket
from agents.aws.bills.configured import named_bucket, named_export, names_of
from agents.aws.bills.finding import Finder
from agents.aws.bills.layouts import LAYOUTS, layout_of
from agents.aws.bills.lines import finished
from agents.aws.bills.pinning import pin
from agents.core.bills.bill_layouts import BillLayout
from agents.core.bills.proving import read_delivery
from agents.core.bills.requests import are_columns, reads_of
from agents.core.bills.stores import ObjectStore
from agents.core.context import Context
from agents.core.service import Estimate, Service, service
from telemetry.costs import CostLine
from telemetry.deliveries import DeliveredFile
from telemetry.errors import CollectionFailed
from telemetry.records import Record
from telemetry.settings.providers import Account, ProviderSettings
from telemetry.target import Target, Window


@service("aws", "bill_files")
class BillFiles(Service):
    """The bill by resource, from the files of Data Exports (CUR 2.0, FOCUS 1.0 and 1.2) and Cost and Usage Reports.

    A month is read whole or not at all, from the files that its manifest names, and is the bill once every byte of
    them was read. Lines are added up by day (or hour), resource, price and tags. Pods and tasks that share an instance
    (split cost allocation) are in the breakdown `split`: their instance is what is billed.
    """

    interval = timedelta(days=1)
    fixed_interval = True
    delay = timedelta(0)
    regional = False
    delivered = True
    brings_bills = True
    reads_files = True
    permissions = (LIST, GET)
    paid = PRICES

    def bill_layouts(self) -> tuple[BillLayout, ...]:
        """Cost and Usage Reports, and FOCUS."""
        return LAYOUTS

    def open_bill(self, context: Context, url: str) -> ObjectStore | None:
        """A bucket, with the credentials of the account."""
        return named_bucket(context, url) if url.startswith("s3://") else None

    def collect(self, context: Context, target: Target, window: Window) -> Iterator[Record]:
        """Every line of the newest version of the month, and last what was read of it."""
        export, region = named_export(context, target)
        bucket = Bucket(context, export, region)
        finder = Finder(bucket, export, context.shared)
        found = finder.of((window.start, window.end))
        if found is None:
            raise CollectionFailed(f"{export.url}: there is no manifest of {window.start:%Y-%m} any more")
        manifest, entry = finder.read(found)
        pinned = pin(bucket, manifest, entry)
        for record in read_delivery(context, bucket, pinned, layout_of, window, granularity=export.granularity):
            yield finished(record) if isinstance(record, CostLine) else record

    def parts(self, section: ProviderSettings, account: Account) -> tuple[str, ...]:
        """The exports that the account's credentials read."""
        return names_of(section, account)

    def estimate(self, window: Window, resources: int) -> Estimate:
        """A listing, the manifest, and one small file."""
        del window, resources
        return _estimate([DeliveredFile(name="", size=1)], "two calls for each further file, and one for each 4 MiB")

    def estimate_part(
        self, section: ProviderSettings, account: Account, part: str, files: Sequence[DeliveredFile] | None
    ) -> Estimate | None:
        """A listing, the manifest, and the files of the newest delivery."""
        del section, account, part
        if files is None:
            return None
        columns = "a GetObject for each further column of a row group of Parquet" if are_columns(files) else ""
        return _estimate(files, columns)


def _estimate(files: Sequence[DeliveredFile], more: str) -> Estimate:
    calls = {"s3:ListObjectsV2": 1, "s3:GetObject": 1 + reads_of(files), "s3:HeadObject": len(files)}
    paid = {api: PRICES[api] * count for api, count in calls.items()}
    traffic = "the transfer out of the bucket's region where the worker is elsewhere"
    return Estimate(
        calls,
        sum(paid.values(), Decimal(0)),
        more=f"{more}, and {traffic}" if more else traffic,
        less="an unchanged manifest is not read again",
        paid=paid,
    )
