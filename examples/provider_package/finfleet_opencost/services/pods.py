"""Allocations by pod."""

from __future__ import annotations

from agents.core.service import service
from finfleet_opencost.allocations import Allocations


@service("opencost", "pods")
class Pods(Allocations):
    """Pods with their labels: what they reserve and use, and its cost by list prices."""

    by = "pod"
    aggregate = ("cluster", "namespace", "pod")
