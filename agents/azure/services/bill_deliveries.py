"""Which months of the exported bill Azure has delivered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from agents.azure.bill_exports import address_of, estimate, export_names, export_of, look, open_export
from agents.azure.permissions import BLOBS
from agents.core.bill_months import DeliveryService, refused, silent
from agents.core.bills.requests import estimate_look
from agents.core.context import Context
from agents.core.service import Estimate, service
from telemetry.deliveries import DeliveredFile, Delivery, DeliveryState
from telemetry.errors import Denied
from telemetry.records import Record
from telemetry.settings.providers import Account, ProviderSettings
from telemetry.target import Target, Window

_MORE = "a list for each further page of 5,000 files, and a read of each manifest that is new"


@service("azure", "bill_deliveries")
class BillDeliveries(DeliveryService):
    """Which months the exports of ``bill_exports`` have, by their manifests, and the newest version of each.

    It lists the folder of an export, and reads each new manifest.json below it once. A month of which there is a newer
    one is then read by ``bill_files``. An export that nobody writes any more, or may not be read, is a gap with that
    reason.
    """

    delivers = "bill_files"
    permissions = (BLOBS,)

    def parts(self, section: ProviderSettings, account: Account) -> tuple[str, ...]:
        """The exports that the account reads."""
        return export_names(section, account)

    def collect(self, context: Context, target: Target, window: Window) -> Iterator[Record]:
        """A delivery for each month."""
        del window
        export = export_of(context.shared, target)
        store = open_export(context, export)
        try:
            found = look(context, store, export)
        except Denied as error:
            yield from refused(context, error)
            return
        finally:
            store.close()
        for month, manifest in found.months.items():
            yield Delivery(
                state=DeliveryState.SEEN,
                period_start=month.start,
                period_end=month.end,
                version=manifest.version,
                submitted_at=manifest.submitted,
                files=[DeliveredFile(name=one.name, size=one.bytes, rows=one.rows) for one in manifest.blobs],
            )
        yield from silent(context, max((one.submitted for one in found.months.values()), default=None), export.url)

    def estimate(self, window: Window, resources: int) -> Estimate:
        """A list."""
        del window, resources
        return estimate(0, _MORE)

    def estimate_part(
        self, section: ProviderSettings, account: Account, part: str, files: Sequence[DeliveredFile] | None
    ) -> Estimate | None:
        """A list of that export's folder."""
        del account, files
        address = address_of(section, part)
        return None if address is None else estimate_look(address, _MORE)

    def estimate_for(self, window: Window, resources: int, section: ProviderSettings, account: Account) -> Estimate:
        """Nothing where there is no export."""
        return self.estimate(window, resources) if export_names(section, account) else Estimate({}, Decimal(0))
