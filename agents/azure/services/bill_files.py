"""The bill of a month, from the files that Azure has exported."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from agents.azure.bill_exports import (
    address_of,
    estimate,
    export_names,
    export_of,
    is_container,
    look,
    open_container,
    open_export,
    pin,
)
from agents.azure.bill_layouts import LAYOUTS, layout_of
from agents.azure.permissions import BLOBS
from agents.core.bill_months import BillService, check_month
from agents.core.bills.bill_layouts import BillLayout
from agents.core.bills.proving import read_delivery
from agents.core.bills.requests import estimate_reading
from agents.core.bills.stores import ObjectStore
from agents.core.context import Context
from agents.core.service import Estimate, service
from telemetry.deliveries import DeliveredFile
from telemetry.errors import CollectionFailed
from telemetry.records import Record
from telemetry.settings.providers import Account, ProviderSettings
from telemetry.target import Target, Window

_MORE = "a list for each further page of 5,000 files, and a read of each manifest that is new"


@service("azure", "bill_files")
class BillFiles(BillService):
    """The bill of a month by day, resource, service, meter and tags, from an export of Cost Management.

    Exports of FOCUS, and of actual and amortized costs, in CSV or Parquet. A month is read whole whenever a newer run
    of its export is there, and takes the place of what was read before, once each file has the rows that its manifest
    promises.
    """

    permissions = (BLOBS,)
    reads_files = True

    def bill_layouts(self) -> tuple[BillLayout, ...]:
        """FOCUS, actual and amortized costs."""
        return LAYOUTS

    def open_bill(self, context: Context, url: str) -> ObjectStore | None:
        """A container, with a token of the account."""
        return open_container(context, url) if is_container(url) else None

    def parts(self, section: ProviderSettings, account: Account) -> tuple[str, ...]:
        """The exports that the account reads."""
        return export_names(section, account)

    def collect(self, context: Context, target: Target, window: Window) -> Iterator[Record]:
        """The lines of the newest delivery, and the proof that they are all."""
        check_month(window)
        export = export_of(context.shared, target)
        store = open_export(context, export)
        try:
            found = look(context, store, export)
            manifest = found.months.get(window)
            if manifest is None:
                month = f"{window.start:%Y-%m}"
                raise CollectionFailed(f"{export.url}: there is no manifest of {month} any more: what was read stays")
            layout = layout_of(manifest.kind)
            pinned = pin(found, manifest)
            yield from read_delivery(context, store, pinned, layout, window, granularity=export.granularity)
        finally:
            store.close()

    def estimate(self, window: Window, resources: int) -> Estimate:
        """A list, and the ranges of its files."""
        del window, resources
        return estimate(1, f"{_MORE}, and each further file, and each further 4 MiB of one")

    def estimate_part(
        self, section: ProviderSettings, account: Account, part: str, files: Sequence[DeliveredFile] | None
    ) -> Estimate | None:
        """A list, and the files of the newest delivery."""
        del account
        address = address_of(section, part)
        return None if address is None else estimate_reading(address, files, _MORE)

    def estimate_for(self, window: Window, resources: int, section: ProviderSettings, account: Account) -> Estimate:
        """Nothing where there is no export."""
        return self.estimate(window, resources) if export_names(section, account) else Estimate({}, Decimal(0))
