"""Whose credentials read a bill that a person brings: an account's of the configuration, or nobody's."""

from __future__ import annotations

from dataclasses import dataclass

from agents.core.bills.stores import ObjectStore, open_store
from agents.core.context import Context, Shared
from agents.core.meter import Meter
from agents.core.service import Service, services
from telemetry.closest import did_you_mean
from telemetry.errors import CollectionFailed
from telemetry.settings import Account, Settings
from telemetry.target import Target


@dataclass(frozen=True)
class Access:
    """An account, and the service that knows how its credentials open a store."""

    service: Service
    account: Account

    def open(self, context: Context, url: str, *, asked: bool) -> ObjectStore:
        """The store of a URL; without credentials where they are of no use for it, unless they were asked for."""
        found = self.service.open_bill(context, url)
        if found is not None:
            return found
        if asked:
            scheme, whose = url.partition(":")[0], f"{self.service.provider}/{self.account.name}"
            raise CollectionFailed(f"--credentials {whose}: these are no credentials of {scheme}://: name others")
        return open_store(url, context)


def reader_of(provider: str) -> Service:
    """The service of a provider that reads files of bills; LookupError where it has none."""
    readers = [one for (of, _), one in services().items() if of == provider and one.delivered]
    if not readers:
        known = sorted({of for (of, _), one in services().items() if one.delivered})
        raise LookupError(f"{provider} has no service that reads files of bills; {', '.join(known)} have one")
    return readers[0]


def access_of(settings: Settings, target: Target, credentials: str) -> Access | None:
    """Whose credentials count: those that are named (``aws/payer``), else the target's own account, if it has some.

    None: nobody's. LookupError where none are configured under that name.
    """
    provider, _, name = credentials.partition("/") if credentials else (target.provider, "", target.account)
    if credentials and not name:
        raise LookupError(f"{credentials!r}: write PROVIDER/NAME: an account of it, or a source of focus: aws/payer")
    service, section = reader_of(provider), settings.provider(provider)
    accounts = {one.name: one for one in service.bill_accounts(section)} if section is not None else {}
    if name in accounts:
        return Access(service, accounts[name])
    if not credentials:
        return None
    if section is None:
        raise LookupError(f"{credentials}: {provider} is not configured here: add a section {provider}:")
    raise LookupError(f"{credentials}: there are no credentials of that name; {did_you_mean(name, accounts)}")


def context_of(settings: Settings, target: Target, access: Access | None, meter: Meter, deadline: float) -> Context:
    """What the reading is given: the account whose credentials count."""
    nobody = Account(name=target.account, regions=(), services=(), queue="import")
    return Context(Shared(settings), access.account if access is not None else nobody, meter, deadline)
