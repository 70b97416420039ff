"""``azure:``: tenants, subscriptions, and who asks."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, SecretStr

from telemetry.settings.exports import AccountExport, check_exports
from telemetry.settings.fields import Section, check
from telemetry.settings.providers import AccountEntry, ProviderSettings

ENDPOINTS = ("authority", "resource_manager", "metrics", "logs", "prices", "storage")
_MOST_TAGS = 20


def _distinct(value: tuple[str, ...]) -> tuple[str, ...]:
    # Azure does not tell the cases of tag keys apart.
    folded = [key.lower() for key in value]
    twice = [key for index, key in enumerate(value) if key.lower() in folded[:index]]
    if twice:
        raise ValueError(f"{twice[0]!r} is there twice: name each tag key once")
    return value


_Id = Annotated[str, Field(pattern=r"^[^/\s]+$", examples=["00000000-0000-0000-0000-000000000000"])]
_ContainerUrl = Annotated[
    str,
    Field(
        pattern=r"^https://[a-z0-9]{3,24}\.(blob|dfs)\.[a-z0-9.-]+/[a-z0-9$-]{3,63}(/[^?#\s]*)?$",
        examples=["https://account.blob.core.windows.net/container/folder"],
    ),
]
_TagKey = Annotated[str, Field(min_length=1, max_length=512)]


class AzureIdentity(Section):
    """Whose subscription, and who asks; without a secret, DefaultAzureCredential is used."""

    subscription_id: _Id | None = None
    tenant_id: _Id | None = None
    client_id: _Id | None = None
    client_secret: SecretStr | None = None
    #: The workspace id (a GUID) that VM insights writes to: memory of machines whose platform does not tell it.
    logs_workspace_id: _Id | None = None

    @property
    def half_given(self) -> bool:
        """Whether there is a client without its secret, or a secret without its client."""
        return (self.client_id is None) != (self.client_secret is None)


class AzureAccountEntry(AccountEntry, AzureIdentity):
    """A subscription; what it leaves out is taken from the section."""

    #: A subscription is collected whole: one call tells of all its regions.
    regions: None = None


class BillExport(AccountExport):
    """An export of Cost Management into a storage account."""

    #: The folder that the export writes to, or one above it.
    url: _ContainerUrl
    #: Its name in Cost Management; needed where other exports write to the same folder.
    export: Annotated[str, Field(min_length=1, max_length=260)] | None = None


class AzureSettings(ProviderSettings, AzureIdentity):
    """``azure:``."""

    variables = ("AZURE_", "IDENTITY_", "MSI_")
    given_by = MappingProxyType(
        {
            "subscription_id": ("AZURE_SUBSCRIPTION_ID",),
            "client_id": ("AZURE_CLIENT_ID",),
            "client_secret": ("AZURE_CLIENT_SECRET",),
            "tenant_id": ("AZURE_TENANT_ID",),
        }
    )
    endpoint_names = ENDPOINTS

    #: The cloud that the tenants are in: where to ask, and for whom tokens are meant.
    cloud: Literal["public", "china", "usgov"] = "public"
    accounts: tuple[AzureAccountEntry, ...] = ()
    #: The currency of list prices; the bill has its own.
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$", examples=["EUR"])] = "USD"
    #: Keys of tags that costs are also cut by; each takes two more queries a reading.
    cost_tags: Annotated[tuple[_TagKey, ...], Field(max_length=_MOST_TAGS), AfterValidator(_distinct)] = ()
    bill_exports: tuple[BillExport, ...] = ()

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> dict[str, Any]:
        """The fields that the variables of the environment give."""
        found = super().from_environment(environ)
        if "client_secret" not in found:
            # Of a managed or workload identity, which azure-identity reads by itself.
            found.pop("client_id", None)
        return found

    def _entries(self) -> tuple[AccountEntry, ...]:
        return self.accounts

    def _provider_id(self, entry: AccountEntry) -> str:
        own = entry.subscription_id if isinstance(entry, AzureAccountEntry) else None
        return own or self.subscription_id or ""

    @check
    def _bill_exports_go_together(self) -> None:
        check_exports("bill_exports", self.bill_exports, self.accounts)

    @check
    def _credentials_are_whole(self) -> None:
        entries: tuple[AzureIdentity, ...] = (self, *self.accounts)
        for entry in entries if self.enabled else ():
            where = f"accounts: {entry.name}: " if isinstance(entry, AzureAccountEntry) else ""
            if entry.half_given:
                given, missing = ("client_id", "client_secret") if entry.client_id else ("client_secret", "client_id")
                raise ValueError(
                    f"{where}{given} is there and {missing} is missing: set both, or neither for a managed or workload "
                    "identity (whose client id belongs in the environment variable AZURE_CLIENT_ID)"
                )
            if (entry.client_id or self.client_id) and not (entry.tenant_id or self.tenant_id):
                if entry is self and self.accounts:
                    continue
                raise ValueError(f"{where}tenant_id is missing: client_id and client_secret belong to a tenant: set it")
