"""Allocations by controller."""

from __future__ import annotations

from agents.core.service import service
from finfleet_opencost.allocations import Allocations


@service("opencost", "controllers")
class Controllers(Allocations):
    """Deployments, StatefulSets, DaemonSets, Jobs: what they reserve and use, and its cost by list prices."""

    by = "controller"
    aggregate = ("cluster", "namespace", "controllerKind", "controller")
