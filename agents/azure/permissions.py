"""The permissions that calls need, and the custom role that holds those of the services."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agents.core.service import Service

DOCUMENT = "azure.md"

GRAPH = "Microsoft.ResourceGraph/resources/read"
METRICS = "Microsoft.Insights/Metrics/Read"
COSTS = "Microsoft.CostManagement/query/read"
LOGS = "Microsoft.OperationalInsights/workspaces/query/read"
BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read"
JOBS = "Microsoft.MachineLearningServices/workspaces/jobs/read"

_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "resourcegraph:resources": GRAPH,
        "metrics:getBatch": METRICS,
        "costmanagement:query": COSTS,
        "logs:query": LOGS,
        "machinelearning:jobs": JOBS,
        "blob:ListBlobs": BLOBS,
        "blob:GetBlob": BLOBS,
        # Anyone may ask for prices; a token is asked for with the credentials themselves.
        "retailprices:items": "",
        "login:token": "",
        "login:configuration": "",
    }
)


def permission_of(api: str) -> str:
    """The action that a call of ``api`` (``metrics:getBatch``) needs; empty where it needs none."""
    return _NAMES.get(api, api)


def document(services: Iterable[Service]) -> str:
    """The text of docs/permissions/azure.md: a custom role for ``services``, and who needs which."""
    mine = sorted((one for one in services if one.provider == "azure"), key=lambda one: one.name)
    role = {
        "Name": "finfleet",
        "IsCustom": True,
        "Description": "Reads inventory, metrics and costs, and changes nothing.",
        "Actions": sorted({permission for one in mine for permission in one.permissions} - {BLOBS}),
        "NotActions": [],
        "DataActions": [],
        "NotDataActions": [],
        "AssignableScopes": ["/subscriptions/SUBSCRIPTION_ID"],
    }
    rows = "\n".join(f"| `{one.name}` | {', '.join(f'`{name}`' for name in sorted(one.permissions))} |" for one in mine)
    return _DOCUMENT.format(role=json.dumps(role, indent=2), rows=rows)


_DOCUMENT = """# Permissions for Azure

Generated from the registry of services; do not edit.

A custom role with everything that the services below read, and nothing that writes. Save it as `finfleet-role.json`
with your subscriptions in `AssignableScopes`, and give it to the application (or managed identity) in each of them:

```json
{role}
```

```sh
az role definition create --role-definition finfleet-role.json
az role assignment create --assignee CLIENT_ID --role finfleet --scope /subscriptions/SUBSCRIPTION_ID
```

| Service | Permissions |
|---|---|
{rows}

- Give the role on the whole subscription. Resource Graph silently leaves out what an identity may not read: on some
  resource groups alone, the rest of the subscription is not refused, it is not there. Metrics are asked for 50
  resources at a time. Where one of them is denied, each resource group is asked for apart: the window lacks those of
  the group, and says so.
- `Microsoft.OperationalInsights/workspaces/query/read` is needed on the workspace of `logs_workspace_id`, which may be
  in another subscription: leave it out where none is configured.
- `Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read`, a data action, is not in the role above: in a
  whole subscription it opens all that is stored. Give the built-in role `Storage Blob Data Reader` on the container
  that the exports write to, and nowhere else:
  `az role assignment create --assignee CLIENT_ID --role "Storage Blob Data Reader" --scope
  /subscriptions/SUBSCRIPTION_ID/resourceGroups/GROUP/providers/Microsoft.Storage/storageAccounts/ACCOUNT/blobServices/default/containers/CONTAINER`.
- Costs may also be closed by the billing account: its owner must let subscriptions see their charges.
- Prices are read from the public Retail Prices API, which needs no permission.
- The built-in role `Reader` holds all of these but that of blobs, and much more.
"""
