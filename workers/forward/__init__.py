"""The forwarder: sends what is in the outbox to OpenFinOps, in order for each target, at least once.

A batch is sent again, with the same idempotency key, where this process ends between OpenFinOps's answer and the commit
that notes it, or where the answer is lost.
"""

from workers.forward.forwarder import DESTINATION, Forwarder, run_forwarder
from workers.forward.lane import Totals

__all__ = ["DESTINATION", "Forwarder", "Totals", "run_forwarder"]
