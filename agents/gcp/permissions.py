"""The permissions that calls need, and the custom role that holds those of the services."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agents.core.service import Service

DOCUMENT = "gcp.md"

_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "monitoring:ListTimeSeries": "monitoring.timeSeries.list",
        "cloudasset:SearchAllResources": "cloudasset.assets.searchAllResources",
        "cloudasset:ListAssets": "cloudasset.assets.listResource",
        # The catalogue of prices is public: it needs a project to count the calls of, and nothing else.
        "cloudbilling:ListSkus": "serviceusage.services.use",
        "bigquery:jobs.query": "bigquery.jobs.create",
        "bigquery:jobs.get": "bigquery.jobs.create",
        "bigquery:jobs.getQueryResults": "bigquery.jobs.create",
        "bigquery:datasets.list": "bigquery.datasets.get",
    }
)


def permission_of(api: str) -> str:
    """The IAM permission that a call of ``api`` (``monitoring:ListTimeSeries``) needs."""
    return _NAMES.get(api, api.replace(":", "."))


def document(services: Iterable[Service]) -> str:
    """The text of docs/permissions/gcp.md: a custom role with the permissions of ``services``, and who needs which."""
    mine = sorted((one for one in services if one.provider == "gcp"), key=lambda one: one.name)
    permissions = sorted({permission for one in mine for permission in one.permissions})
    role = "\n".join(["includedPermissions:", *(f"  - {permission}" for permission in permissions)])
    rows = "\n".join(f"| `{one.name}` | {', '.join(f'`{name}`' for name in sorted(one.permissions))} |" for one in mine)
    return _DOCUMENT.format(role=role, rows=rows)


_DOCUMENT = """# Permissions for Google Cloud

Generated from the registry of services; do not edit.

A custom role with everything that the services below read, and nothing that writes to what is collected. Save it as
`finfleet-role.yaml`, and give it to the service account in each project that is collected:

```yaml
title: finfleet
description: Reads metrics, inventory and the exported bill.
stage: GA
{role}
```

```sh
gcloud iam roles create finfleet --project=PROJECT --file=finfleet-role.yaml
gcloud projects add-iam-policy-binding PROJECT \\
  --member=serviceAccount:ACCOUNT --role=projects/PROJECT/roles/finfleet
```

| Service | Permissions |
|---|---|
{rows}

- `bigquery.jobs.create` is needed in the project that runs the query (`project_id`), `bigquery.tables.getData` on the
  dataset of the billing export, which may be in another project: leave both out where no bill is read. Google's own
  roles `roles/bigquery.jobUser` (on the project) and `roles/bigquery.dataViewer` (on the dataset) hold them, and little
  more.
- `bigquery.datasets.get` and `bigquery.tables.list` are needed in the project only where `get_billing_data` of
  `GCPTelemetryAgent` is to find the table of the export by itself.
- `serviceusage.services.use` is needed in the project whose quota the calls use (`quota_project`, else `project_id`).
- With `impersonate`, the credentials themselves need only `iam.serviceAccounts.getAccessToken` on that service account
  (`roles/iam.serviceAccountTokenCreator`); the role above belongs to the account that is acted as.
- These APIs must be enabled there: `monitoring.googleapis.com`, `cloudasset.googleapis.com`,
  `cloudbilling.googleapis.com`, and for the bill `bigquery.googleapis.com`.
"""
