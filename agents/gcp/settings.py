"""``gcp:``: projects, who asks, and where the bill is exported to."""

from __future__ import annotations

from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import Field

from telemetry.settings.exports import AccountExport, check_exports
from telemetry.settings.fields import FilePath, Section, check
from telemetry.settings.providers import AccountEntry, ProviderSettings

ENDPOINTS = ("monitoring", "inventory", "billing", "bigquery", "storage", "token")

_PROJECT = r"(?:[a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]"
# What can be part of a resource name; whether there is such a project, Google says.
_ANY_PROJECT = r"[A-Za-z0-9][A-Za-z0-9.:_-]{0,127}"
_GIB = 2**30

Project = Annotated[str, Field(pattern=rf"^{_ANY_PROJECT}$", examples=["my-project-123"])]
ExportTable = Annotated[
    str,
    Field(
        pattern=rf"^{_PROJECT}\.[A-Za-z0-9_]{{1,1024}}\.[A-Za-z0-9_-]{{1,1024}}$", examples=["project.dataset.table"]
    ),
]
ServiceAccount = Annotated[
    str,
    Field(
        pattern=r"^[a-z0-9][a-z0-9-]*@[a-z0-9.-]+\.gserviceaccount\.com$",
        examples=["reader@project.iam.gserviceaccount.com"],
    ),
]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$", examples=["EUR"])]


class GcpIdentity(Section):
    """Whose project, and who asks; without a file, application default credentials are used."""

    project_id: Project | None = None
    #: Read where a collection needs it: the planner has no credentials.
    credentials_file: FilePath | None = None
    #: The service account to act as, by its e-mail address.
    impersonate: ServiceAccount | None = None
    #: The project whose quota the calls use; without one, the project itself.
    quota_project: Project | None = None
    #: ``project.dataset.table`` of the Cloud Billing export; without one there is no bill to read.
    billing_export_table: ExportTable | None = None


class GcpAccountEntry(AccountEntry, GcpIdentity):
    """A project; what it leaves out is taken from the section."""


class BillTable(AccountExport):
    """A table of an export of Cloud Billing that is read by invoice months, whole."""

    table: ExportTable
    #: How its rows are laid out; without it the name of the table tells.
    kind: Literal["standard", "detailed", "focus"] | None = None


class GcpSettings(ProviderSettings, GcpIdentity):
    """``gcp:``."""

    variables = ("GOOGLE_", "GCP_", "GCLOUD_", "CLOUDSDK_", "GCE_", "GRPC_")
    given_by = MappingProxyType(
        {
            "project_id": ("GCP_PROJECT_ID", "GOOGLE_CLOUD_PROJECT"),
            # GOOGLE_APPLICATION_CREDENTIALS: Google's libraries read it by themselves.
            "credentials_file": ("GCP_CREDENTIALS_FILE",),
            "billing_export_table": ("GCP_BILLING_EXPORT_TABLE",),
        }
    )
    endpoint_names = ENDPOINTS

    accounts: tuple[GcpAccountEntry, ...] = ()
    #: What one query of the billing export may scan: 100 GiB are 0.61 USD.
    maximum_bytes_billed: int = Field(default=100 * _GIB, ge=10 * 2**20, le=2**60)
    #: The currency of list prices; the bill has its own.
    currency: Currency = "USD"
    bill_tables: tuple[BillTable, ...] = ()

    def _entries(self) -> tuple[AccountEntry, ...]:
        return self.accounts

    def _provider_id(self, entry: AccountEntry) -> str:
        own = entry.project_id if isinstance(entry, GcpAccountEntry) else None
        return own or self.project_id or ""

    @check
    def _bill_tables_go_together(self) -> None:
        check_exports("bill_tables", self.bill_tables, self.accounts)
