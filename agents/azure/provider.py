"""Azure as a provider."""

from __future__ import annotations

from agents.azure.settings import AzureSettings
from agents.core.provider import Provider


class Azure(Provider):
    """Microsoft Azure, by Resource Graph, Monitor and Cost Management."""

    name = "azure"
    title = "Azure"
    bills_as = ("Microsoft", "Microsoft Azure", "Azure")
    settings = AzureSettings
    services = "agents.azure.services"
    permissions = "agents.azure.permissions"
    sdk = (
        "azure.core",
        "azure.identity",
        "azure.mgmt.costmanagement",
        "azure.mgmt.resourcegraph",
        "azure.monitor.query",
        "azure.monitor.querymetrics",
        "requests",
    )
    install = "finfleet[azure]"
