"""What must be granted for OpenCost to be asked.

OpenCost asks nobody who they are. Where it is reached through the API server of Kubernetes, that server does: by RBAC
it lets those pass who may ``get`` the subresource ``services/proxy``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agents.core.service import Service

DOCUMENT = "opencost.md"
PROXY = "services/proxy:get"
"""The verb ``get`` on ``services/proxy``."""


def permission_of(api: str) -> str:
    """The permission that a call of ``api`` (``opencost:allocation``) needs: RBAC does not tell its paths apart."""
    return PROXY if api.startswith("opencost:") else api


def document(services: Iterable[Service]) -> str:
    """A role that lets a service account ask OpenCost, and nothing else."""
    rows = "\n".join(
        f"| `{one.name}` | {', '.join(f'`{name}`' for name in one.permissions)} |"
        for one in sorted(services, key=lambda one: one.name)
    )
    return _DOCUMENT.format(rows=rows)


_DOCUMENT = """# Permissions for OpenCost

OpenCost itself asks for none: whoever reaches its port is answered. Through the API server of Kubernetes
(`url: https://SERVER/api/v1/namespaces/opencost/services/opencost:9003/proxy`) a role like this one is needed, and the
token of the service account that it is bound to:

```yaml
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {{name: finfleet-opencost, namespace: opencost}}
rules:
  - apiGroups: [""]
    resources: ["services/proxy"]
    resourceNames: ["opencost", "opencost:9003"]
    verbs: ["get"]
```

| Service | Permissions |
|---|---|
{rows}

Behind a proxy of yours, let `GET /allocation` and `GET /assets` pass.
"""
