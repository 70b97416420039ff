"""The whole fleet on one machine: ``finfleet up``.

with LocalStack(Path(".finfleet")) as stack:
    stack.wait_ready()
    stack.pids, stack.database_url, stack.broker_url
"""

from workers.local.stack import LocalStack, StackError
from workers.local.supervisor import ProcessStatus, State

__all__ = ["LocalStack", "ProcessStatus", "StackError", "State"]
