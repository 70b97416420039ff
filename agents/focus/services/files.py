"""The bill of a month in FOCUS, from the files of a folder."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from agents.core.bill_months import BillService, check_month
from agents.core.bills.focus import focus_layout, in_period, of_providers
from agents.core.bills.layouts import Columns, Layout
from agents.core.bills.proving import read_delivery
from agents.core.context import Context
from agents.core.service import Estimate, service
from agents.focus.permissions import PERMISSIONS
from agents.focus.sources import NOT_SETTLED, NotYet, check_there, estimate, look, open_source, source_names, source_of
from telemetry.records import Record
from telemetry.settings.providers import Account, ProviderSettings
from telemetry.target import Target, Window


@service("focus", "files")
class Files(BillService):
    """The bill of a month in FOCUS 1.0 to 1.4, from CSV or Parquet, by day, resource, SKU, kind of charge and tags.

    A month is read whole whenever another version of it was seen, and takes the place of what was read before. Old
    names of columns are taken for the new ones, and columns that FOCUS does not know are kept.
    """

    permissions = PERMISSIONS

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
        """Nothing that has a price here."""
        del window, resources
        return estimate()

    def estimate_for(self, window: Window, resources: int, section: ProviderSettings, account: Account) -> Estimate:
        """Nothing at all where there is no source."""
        del account
        return self.estimate(window, resources) if source_names(section) else Estimate({}, Decimal(0))
