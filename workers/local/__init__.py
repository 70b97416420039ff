"""The whole fleet on one machine: ``finfleet up``.

with LocalStack(Path(".finfleet")) as stack:
    stack.wait_ready()
    stack.pids, stack.database_url, stack.broker_url
"""

from workers.local.keeper import ProcessStatus, State
from workers.local.stack import LocalStack, StackError

__all__ = ["LocalStack", "ProcessStatus", "StackError", "State"]
