"""Allocations by namespace."""

from __future__ import annotations

from agents.core.service import service
from finfleet_opencost.allocations import Allocations


@service("opencost", "namespaces")
class Namespaces(Allocations):
    """Namespaces of a cluster: CPU, memory, GPUs, volumes and network, and their cost by list prices, idle included."""

    by = "namespace"
    aggregate = ("cluster", "namespace")
