"""OpenCost as a provider."""

from __future__ import annotations

from agents.core.provider import Provider
from finfleet_opencost.settings import OpenCostSettings


class OpenCost(Provider):
    """Kubernetes clusters: what their workloads use and cost by list prices, as OpenCost works it out."""

    name = "opencost"
    title = "OpenCost"
    settings = OpenCostSettings
    services = "finfleet_opencost.services"
    permissions = "finfleet_opencost.permissions"
