"""The names that the public cloud gives its audiences: which tokens are good for which service."""

RESOURCE_MANAGER = "resource_manager"
METRICS = "metrics"
LOGS = "logs"
STORAGE = "storage"
"""Served by no local Azure: azurite takes these tokens."""

AUDIENCES: dict[str, frozenset[str]] = {
    RESOURCE_MANAGER: frozenset(
        {
            "https://management.azure.com",
            "https://management.core.windows.net",
            "https://management.usgovcloudapi.net",
            "https://management.core.usgovcloudapi.net",
            "https://management.chinacloudapi.cn",
            "https://management.core.chinacloudapi.cn",
        }
    ),
    METRICS: frozenset(
        {
            "https://metrics.monitor.azure.com",
            "https://metrics.monitor.azure.us",
            "https://metrics.monitor.azure.cn",
        }
    ),
    LOGS: frozenset(
        {
            "https://api.loganalytics.io",
            "https://api.loganalytics.azure.com",
            "https://api.loganalytics.us",
            "https://api.loganalytics.azure.cn",
        }
    ),
    STORAGE: frozenset({"https://storage.azure.com"}),
}


def service_of(audience: str) -> str | None:
    """The service for which tokens of this audience are, or None where no tenant knows it."""
    plain = audience.rstrip("/").lower()
    return next((service for service, names in AUDIENCES.items() if plain in names), None)
