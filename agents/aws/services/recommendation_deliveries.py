"""What AWS has delivered of recommendations: the manifests in the bucket of an export of the Cost Optimization Hub."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from agents.aws.bills.bucket import GET, LIST, PRICES, Bucket
from agents.aws.bills.configured import named_recommendation_export, recommendation_names_of
from agents.aws.bills.finding import Finder, Found
from agents.aws.bills.health import PERMISSIONS, why_none_comes
from agents.aws.bills.seen import gap, seen
from agents.aws.settings import RecommendationExport
from agents.core.context import Context
from agents.core.service import Estimate, Service, service
from telemetry.records import Record
from telemetry.settings.providers import Account, ProviderSettings
from telemetry.target import Target, Window, format_time

_DAYS = 14
"""So many are looked at: what is recommended is in the newest, and what was is worth reading after an outage."""
_DAY = timedelta(days=1)
_LATE = timedelta(days=2)
"""AWS delivers recommendations once a day."""


@service("aws", "recommendation_deliveries")
class RecommendationDeliveries(Service):
    """Deliveries of the Cost Optimization Hub by Data Exports: which version of which day lies in S3.

    Only manifests are read, and each once. A new version has `recommendation_files` read the files of that day.
    """

    interval = timedelta(hours=1)
    fixed_interval = True
    delay = timedelta(0)
    regional = False
    delivers = "recommendation_files"
    permissions = (LIST, GET, *PERMISSIONS)
    paid = PRICES

    def collect(self, context: Context, target: Target, window: Window) -> Iterator[Record]:
        """The newest version of each day, and a reason where nothing new comes."""
        del window
        export, region = named_recommendation_export(context, target)
        finder = Finder(Bucket(context, export, region), export, context.shared)
        now = context.shared.now()
        today = now.replace(hour=0, minute=0, second=0, microsecond=0)
        days = [(today - back * _DAY, today - (back - 1) * _DAY) for back in range(_DAYS)]
        found = finder.days(days)
        for one in found:
            yield seen(context, finder, one, f"the recommendations of {one.period[0]:%Y-%m-%d}")
        if reason := _missing(found, now, export):
            said = why_none_comes(context, export, region)
            why = f"{reason}; {said}" if said else reason
            context.partial("recommendations", why, of=export.name)
            yield gap(days[0], why)

    def parts(self, section: ProviderSettings, account: Account) -> tuple[str, ...]:
        """The exports of recommendations that the account's credentials read."""
        return recommendation_names_of(section, account)

    def estimate(self, window: Window, resources: int) -> Estimate:
        """A listing; AWS writes a new manifest about once a day."""
        del window, resources
        return Estimate(
            {"s3:ListObjectsV2": 1},
            PRICES["s3:ListObjectsV2"],
            more="a GetObject for each manifest that is new, a listing for each 1,000 of them",
        )


def _missing(found: list[Found], now: datetime, export: RecommendationExport) -> str:
    newest = max((one.entry.modified for one in found if one.entry.modified is not None), default=None)
    if newest is None:
        return (
            f"there is no manifest of the last {_DAYS} days in {export.url}: AWS writes the first within a day; is "
            "the url right, and that of an export of recommendations?"
        )
    return f"nothing new has come to {export.url} since {format_time(newest)}" if now - newest > _LATE else ""
