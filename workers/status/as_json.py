"""The same for a program. What is not known is null."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tasks.results import Depth
from workers.commands.outbox import standing
from workers.queues import task_queues
from workers.status.facts import Facts
from workers.status.kinds import Problem


def fields(facts: Facts, problems: Sequence[Problem]) -> dict[str, Any]:
    """What ``--json`` prints."""
    depths = facts.broker.depths
    return {
        **_of_database(facts),
        "results_queue": _depth(depths["results"] if depths else None, facts.broker_fault),
        "ingest_queues": {label: depth.messages for label, depth in (depths or {}).items()},
        "task_queues": dict.fromkeys(task_queues(facts.settings)) if facts.queues is None else facts.task_queues,
        "processes": facts.beside,
        "processes_alive": _living(facts),
        "problems": [
            {"kind": one.kind, "subjects": one.subjects, "text": one.text, "line": one.line} for one in problems
        ],
    }


def _of_database(facts: Facts) -> dict[str, Any]:
    status, take = facts.database.status, facts.filters.take
    if status is None:
        names = ("targets", "activity", "troubles", "partial", "bills_left_out", "outbox", "dead_letters")
        return {"at": facts.at, **dict.fromkeys(names)}
    return {
        "at": status.at,
        "targets": [_target(x) for x in status.targets if take(x.target)],
        "activity": [_named(x) for x in status.activity],
        "troubles": [_target(x) for x in status.troubles if take(x.target)],
        "partial": [_target(x) for x in status.partial if take(x.target)],
        "bills_left_out": [line._asdict() for line in status.left_out],
        "outbox": [line._asdict() | {"is": standing(facts.settings, line.destination)} for line in status.outbox],
        "dead_letters": status.dead_letters,
    }


def _living(facts: Facts) -> list[dict[str, Any]] | None:
    """None where it is not known."""
    if facts.database.processes is None:
        return None
    return [
        {
            "role": one.role,
            "queues": one.queues.split(),
            "host": one.host,
            "pid": one.pid,
            "version": one.version,
            "started_at": one.started_at,
            "seconds_since_sign": round(one.silent, 1),
            "trouble": one.trouble,
        }
        for one in facts.living()
    ]


def _target(line: Any) -> dict[str, Any]:
    found = {**_named(line), "target": str(line.target)}
    if "lag" in found:
        found["lag_seconds"] = None if line.lag is None else line.lag.total_seconds()
        del found["lag"]
    return found


def _named(line: Any) -> dict[str, Any]:
    return {name: getattr(line, name) for name in type(line).__slots__}


def _depth(depth: Depth | None, reason: str) -> dict[str, Any]:
    if depth is None:
        return {"messages": None, "oldest_age_seconds": None, "error": reason}
    return {"messages": depth.messages, "oldest_age_seconds": depth.oldest_age, "error": ""}
