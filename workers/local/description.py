"""What up.json says of a stack that is ready.

``{"pid", "ready_at", "processes": {name: pid}, "database": {"host", "port", "user", "name", "embedded"},
"broker": {"host", "port", "embedded"}, "flower": {"url", "user", "password_file"} or null,
"metrics": {name: address} or null, "prometheus": file or null, "logs"}``

It is written again when a process was replaced, as soon as there is room for it, holds no secret, and is removed at the
stop. ``"not_running"`` and ``"looping"`` are names of processes that ended, and that end again and again.
"""

from __future__ import annotations

import os
from datetime import datetime
from typing import TYPE_CHECKING, Any

from telemetry.target import format_time
from workers.local.addresses import broker_address, database_address
from workers.local.files import USER

if TYPE_CHECKING:
    from workers.local.stack import LocalStack


def describe(stack: LocalStack, ready_at: datetime) -> dict[str, Any]:
    """All of it, of a stack that is ready since then."""
    files, metrics = stack.files, stack.metrics
    own_database, own_broker = stack.embedded
    flower = {"url": stack.flower_url, "user": USER, "password_file": str(files.flower_password.absolute())}
    return {
        "pid": os.getpid(),
        "ready_at": format_time(ready_at),
        "processes": stack.pids,
        "not_running": [each.name for each in stack.processes if each.pid is None],
        "looping": [each.name for each in stack.processes if each.looping],
        "database": database_address(stack.database_url) | {"embedded": own_database},
        "broker": broker_address(stack.broker_url) | {"embedded": own_broker},
        "flower": flower if stack.flower_url else None,
        "metrics": metrics or None,
        "prometheus": str(files.prometheus.absolute()) if metrics else None,
        "logs": str(files.logs.absolute()),
    }
