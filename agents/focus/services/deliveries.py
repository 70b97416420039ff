"""Which months of bills in FOCUS there are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from agents.core.bill_months import DeliveryService, refused, silent
from agents.core.bills.requests import estimate_look
from agents.core.context import Context
from agents.core.service import Estimate, service
from agents.focus.permissions import PERMISSIONS
from agents.focus.sources import NOT_SETTLED, address_of, estimate, look, open_source, source_names, source_of
from telemetry.deliveries import DeliveredFile, Delivery, DeliveryState
from telemetry.errors import Denied
from telemetry.records import Record
from telemetry.settings.providers import Account, ProviderSettings
from telemetry.target import Target, Window

_MOST_FILES = 500
"""Named of one version: of what has no manifest there may be one for every few hours."""

_MORE = (
    "a list for each further page of files, and a read of each manifest that is new, or of each file, where rows"
    " tell the month"
)


@service("focus", "deliveries")
class Deliveries(DeliveryService):
    """Which months the folders of ``sources`` have, by manifests, or else by the files themselves.

    Without a manifest the version of a month is the set of its files with their sizes and ETags, and it counts when
    nothing of it has changed for an hour. A month of another version is then read by ``files``. A folder that nobody
    writes to any more, or that may not be read, is a gap with that reason.
    """

    delivers = "files"
    permissions = PERMISSIONS

    def parts(self, section: ProviderSettings, account: Account) -> tuple[str, ...]:
        """The sources."""
        del account
        return source_names(section)

    def collect(self, context: Context, target: Target, window: Window) -> Iterator[Record]:
        """A delivery for each month."""
        del window
        source = source_of(context.shared, target)
        try:
            store = open_source(context, source)
            try:
                found = look(context, store, source)
            finally:
                store.close()
        except Denied as error:
            yield from refused(context, error)
            return
        for one in found:
            if not one.settled:
                context.partial(f"the delivery of {one.month.start:%Y-%m}", NOT_SETTLED, of="bill exports")
                continue
            files = one.pinned.files[:_MOST_FILES]
            yield Delivery(
                state=DeliveryState.SEEN,
                period_start=one.month.start,
                period_end=one.month.end,
                version=one.pinned.version,
                submitted_at=one.pinned.submitted_at,
                files=[
                    DeliveredFile(name=file.entry.key, size=file.entry.size, etag=file.entry.etag, rows=file.rows)
                    for file in files
                ],
            )
        written = [one.written for one in found if one.written is not None]
        if written or not found:
            yield from silent(context, max(written, default=None), source.url)

    def estimate(self, window: Window, resources: int) -> Estimate:
        """Not known without its store."""
        del window, resources
        return estimate()

    def estimate_part(
        self, section: ProviderSettings, account: Account, part: str, files: Sequence[DeliveredFile] | None
    ) -> Estimate | None:
        """A list of that source's folder."""
        del account, files
        address = address_of(section, part)
        return None if address is None else estimate_look(address, _MORE)

    def estimate_for(self, window: Window, resources: int, section: ProviderSettings, account: Account) -> Estimate:
        """Nothing at all where there is no source."""
        del account
        return self.estimate(window, resources) if source_names(section) else Estimate({}, Decimal(0))
