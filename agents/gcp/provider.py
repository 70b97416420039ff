"""Google Cloud as a provider."""

from __future__ import annotations

from agents.core.provider import Provider
from agents.gcp.settings import GcpSettings


class Gcp(Provider):
    """Google Cloud, by Cloud Asset Inventory, Cloud Monitoring, Cloud Billing and BigQuery."""

    name = "gcp"
    title = "Google Cloud"
    bills_as = ("Google Cloud", "Google Cloud Platform", "GCP")
    settings = GcpSettings
    services = "agents.gcp.services"
    permissions = "agents.gcp.permissions"
    sdk = (
        "google.api_core",
        "google.auth",
        "google.cloud.asset_v1",
        "google.cloud.bigquery",
        "google.cloud.billing_v1",
        "google.cloud.monitoring_v3",
        "grpc",
        "requests",
    )
    install = "finfleet[gcp]"
