"""The forwarder: sends what is in the outbox to each destination, in order for each target, at least once.

A batch is sent again, with the same key, where this process ends between a destination's answer and the commit that
notes it, or where the answer is lost.
"""

from workers.forward.forwarder import Forwarder
from workers.forward.sender import Totals
from workers.forward.side_by_side import run_side_by_side

__all__ = ["Forwarder", "Totals", "run_side_by_side"]
