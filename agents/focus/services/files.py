"""The bill of a month in FOCUS, from the files of a folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from urllib.parse import urlsplit

from agents.core.bill_months import BillService, check_month
from agents.core.bills.focus import focus_layout, in_period, of_providers
from agents.core.bills.layouts import Columns, Layout
from agents.core.bills.proving import read_delivery
from agents.core.bills.requests import estimate_reading
from agents.core.bills.stores import ObjectStore
from agents.core.context import Context
from agents.core.service import Estimate, service
from agents.focus.permissions import PERMISSIONS
from agents.focus.sources import (
    NOT_SETTLED,
    NotYet,
    address_of,
    check_there,
    estimate,
    find_source,
    look,
    open_source,
    source_names,
    source_of,
)
from telemetry.deliveries import DeliveredFile
from telemetry.records import Record
from telemetry.settings.providers import Account, ProviderSettings
from telemetry.target import Target, Window

_MORE = "a list for each further page of files, and a read of each file of which it is not known what it tells"


@service("focus", "files")
class Files(BillService):
    """The bill of a month in FOCUS 1.0 to 1.4, from CSV or Parquet, by day, resource, SKU, kind of charge and tags.

    A month is read whole whenever another version of it was seen, and takes the place of what was read before. Old
    names of columns are taken for the new ones, and columns that FOCUS does not know are kept.
    """

    permissions = PERMISSIONS
    reads_files = True

    def bill_accounts(self, section: ProviderSettings) -> tuple[Account, ...]:
        """The sources: each has credentials of its own."""
        queue = section.queue or "collect.focus"
        return tuple(Account(name=name, regions=(), services=(), queue=queue) for name in source_names(section))

    def open_bill(self, context: Context, url: str) -> ObjectStore | None:
        """By the credentials, the endpoint and the region of a source, where the URL is of its kind of store.

        Of a server or an account the same one: they are for no other.
        """
        source = find_source(context.shared, context.account.name)
        if source is None or source.kind != url.partition(":")[0]:
            return None
        if source.kind in {"https", "sftp"} and urlsplit(source.url).netloc != urlsplit(url).netloc:
            return None
        return open_source(context, source, url)

    def parts(self, section: ProviderSettings, account: Account) -> tuple[str, ...]:
        """The sources."""
        del account
        return source_names(section)

    def collect(self, context: Context, target: Target, window: Window) -> Iterator[Record]:
        """The lines of the newest version, and the proof that they are all."""
        check_month(window)
        source = source_of(context.shared, target)
        store = open_source(context, source)
        try:
            found = next((one for one in look(context, store, source) if one.month == window), None)
            if found is None:
                month = f"{window.start:%Y-%m}"
                raise NotYet(f"{source.url}: it has no bill of {month} that is whole: what was read of it before stays")
            if not found.settled:
                raise NotYet(f"{source.url}: the bill of {window.start:%Y-%m}: {NOT_SETTLED}")
            check_there(found, store)
            mixed = found.mixed

            def layout(columns: Columns) -> Layout:
                made = of_providers(focus_layout(columns))
                return in_period(made, columns, window) if mixed else made

            yield from read_delivery(context, store, found.pinned, layout, window, granularity=source.granularity)
        finally:
            store.close()

    def estimate(self, window: Window, resources: int) -> Estimate:
        """Not known without its store."""
        del window, resources
        return estimate()

    def estimate_part(
        self, section: ProviderSettings, account: Account, part: str, files: Sequence[DeliveredFile] | None
    ) -> Estimate | None:
        """A list, and the files of the newest delivery."""
        del account
        address = address_of(section, part)
        return None if address is None else estimate_reading(address, files, _MORE)

    def estimate_for(self, window: Window, resources: int, section: ProviderSettings, account: Account) -> Estimate:
        """Nothing at all where there is no source."""
        del account
        return self.estimate(window, resources) if source_names(section) else Estimate({}, Decimal(0))
