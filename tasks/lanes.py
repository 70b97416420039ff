"""Live, paid and slow work have lanes of their own: queues beside that of the account.

A worker takes from its queues in turn, so that a lane that is full keeps no other one waiting.
"""

from __future__ import annotations

from agents.core.service import Service
from tasks.targets import Planned

LIVE = "live"
"""Can only be measured as it happens."""
PAID = "paid"
"""Calls paid APIs, for which there are budgets."""
SLOW = "slow"
"""Reads bills: one takes minutes."""
LANES = (LIVE, PAID, SLOW)


def lane_of(service: Service) -> str:
    """The lane of a service; empty: that of the quick and free ones, the account's queue itself."""
    if service.brings_bills:
        return SLOW
    if service.live:
        return LIVE
    return PAID if service.paid else ""


def queue_of(queue: str, lane: str) -> str:
    """The Celery queue of a lane of an account's queue."""
    return f"{queue}.{lane}" if lane else queue


def queues_of(plan: Planned) -> set[str]:
    """The Celery queues over which a service may be handed out: those of its accounts, and its lane of each."""
    queues = {target.queue for target in plan.targets}
    return queues | {queue_of(queue, lane_of(plan.service)) for queue in queues}
