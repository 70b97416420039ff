"""What the Cost Optimization Hub recommends, as AWS wrote it into S3."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

from agents.aws.bills.bucket import GET, LIST, PRICES, Bucket
from agents.aws.bills.configured import named_recommendation_export, recommendation_names_of
from agents.aws.bills.finding import Finder
from agents.aws.bills.pinning import pin
from agents.aws.bills.recommended import Maker
from agents.core.bills.proving import read_rows
from agents.core.context import Context
from agents.core.service import Estimate, Service, service
from telemetry.errors import CollectionFailed
from telemetry.records import Record
from telemetry.settings.providers import Account, ProviderSettings
from telemetry.target import Target, Window, floor_time

_DAY = timedelta(days=1)


@service("aws", "recommendation_files")
class RecommendationFiles(Service):
    """Recommendations of the Cost Optimization Hub, from the files of Data Exports: what to change, and what it saves.

    A day is read whole or not at all, from the files that its manifest names. The newest day is what is recommended;
    what it no longer has is history. Savings are estimates, and no part of a bill.
    """

    interval = _DAY
    fixed_interval = True
    delay = timedelta(0)
    regional = False
    delivered = True
    # They come at once, up to some hundred thousand of them: no metrics wait for that.
    brings_bills = True
    permissions = (LIST, GET)
    paid = PRICES

    def collect(self, context: Context, target: Target, window: Window) -> Iterator[Record]:
        """Each recommendation of the newest version of the day, and last what was read of it."""
        export, region = named_recommendation_export(context, target)
        bucket = Bucket(context, export, region)
        finder = Finder(bucket, export, context.shared)
        found = finder.of_day((window.start, window.end))
        if found is None:
            raise CollectionFailed(f"{export.url}: there is no manifest of {window.start:%Y-%m-%d} any more")
        manifest, entry = finder.read(found)
        pinned = pin(bucket, manifest, entry)
        yield from read_rows(context, bucket, pinned, Maker(context).of_columns, window)

    def parts(self, section: ProviderSettings, account: Account) -> tuple[str, ...]:
        """The exports of recommendations that the account's credentials read."""
        return recommendation_names_of(section, account)

    def latest_window(self, now: datetime, interval: timedelta) -> Window:
        """Today, as far as it was delivered."""
        del interval
        return Window(start := floor_time(now, _DAY), start + _DAY)

    def estimate(self, window: Window, resources: int) -> Estimate:
        """A listing, the manifest, and one file of up to 4 MiB: its head, and then all of it."""
        del window, resources
        calls = {"s3:ListObjectsV2": 1, "s3:GetObject": 3, "s3:HeadObject": 1}
        paid = {api: PRICES[api] * count for api, count in calls.items()}
        return Estimate(
            calls,
            sum(paid.values(), Decimal(0)),
            more="three calls for each further file, a GetObject for each further 4 MiB, and the transfer out of the "
            "bucket's region where the worker is elsewhere",
            less="an unchanged manifest is not read again",
            paid=paid,
        )
