"""What a service says that reads bills from files, so that files can be read that a person brings."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from telemetry.settings.providers import Account, ProviderSettings

if TYPE_CHECKING:
    from agents.core.bills.bill_layouts import BillLayout
    from agents.core.bills.stores import ObjectStore
    from agents.core.context import Context


class BillReading:
    """A part of every service; of use to one with ``delivered`` alone."""

    provider: ClassVar[str]
    delivered: ClassVar[bool] = False

    def bill_layouts(self) -> tuple[BillLayout, ...]:
        """The layouts of files that it reads; FOCUS, unless it says more."""
        from agents.core.bills.focus import FOCUS  # noqa: PLC0415 - most services read no bills

        return (FOCUS,) if self.delivered else ()

    def bill_accounts(self, section: ProviderSettings) -> tuple[Account, ...]:
        """Whose credentials :meth:`open_bill` can use, by their names; the accounts, unless it says otherwise."""
        return section.accounts_of(self.provider)

    def open_bill(self, context: Context, url: str) -> ObjectStore | None:
        """The store of a URL, with the credentials of ``context.account``; None where they are none of such a store."""
        del context, url
        return None
