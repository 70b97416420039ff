"""Azure's clouds: where each API answers, and for whom its tokens are meant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from agents.azure.settings import AzureSettings

_REGION = "{region}"


@dataclass(frozen=True)
class Cloud:
    """One cloud. ``addresses`` are by endpoint; one that is empty does not exist there."""

    addresses: Mapping[str, str]
    #: Audiences of tokens, by endpoint.
    audiences: Mapping[str, str]


def _cloud(authority: str, resource_manager: str, metrics: str, logs: str, prices: str) -> Cloud:
    addresses = {
        "authority": authority,
        "resource_manager": resource_manager,
        "metrics": f"https://{_REGION}.{metrics}",
        "logs": logs,
        "prices": prices,
        # Each storage account has an address of its own, which is in the URL of what is read.
        "storage": "",
    }
    audiences = {
        "resource_manager": resource_manager,
        "metrics": f"https://{metrics}",
        "logs": logs,
        # The same in every cloud.
        "storage": "https://storage.azure.com",
    }
    return Cloud(MappingProxyType(addresses), MappingProxyType(audiences))


CLOUDS: Mapping[str, Cloud] = MappingProxyType(
    {
        "public": _cloud(
            "https://login.microsoftonline.com",
            "https://management.azure.com",
            "metrics.monitor.azure.com",
            "https://api.loganalytics.io",
            "https://prices.azure.com",
        ),
        # Its prices are a file to download, and not in this API.
        "china": _cloud(
            "https://login.chinacloudapi.cn",
            "https://management.chinacloudapi.cn",
            "metrics.monitor.azure.cn",
            "https://api.loganalytics.azure.cn",
            "",
        ),
        # The public price list has its regions.
        "usgov": _cloud(
            "https://login.microsoftonline.us",
            "https://management.usgovcloudapi.net",
            "metrics.monitor.azure.us",
            "https://api.loganalytics.us",
            "https://prices.azure.com",
        ),
    }
)


def address_of(section: AzureSettings, endpoint: str, region: str = "") -> str:
    """Where ``endpoint`` answers: as configured, else as the cloud has it; empty where it has none.

    The address of metrics has a region in it, ``{region}`` where it is configured; one without serves every region.
    """
    address = section.endpoints.get(endpoint) or CLOUDS[section.cloud].addresses[endpoint]
    return address.replace(_REGION, region)


def scope_for(section: AzureSettings, endpoint: str) -> str:
    """What a token for ``endpoint`` is asked for: ``https://management.azure.com/.default``."""
    return f"{CLOUDS[section.cloud].audiences[endpoint]}/.default"
