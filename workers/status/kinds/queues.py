"""Trouble with queues: what waits too long, or for nobody."""

from __future__ import annotations

from collections.abc import Iterator

from workers.output import duration
from workers.status.facts import Facts
from workers.status.kinds.kind import Found, kind

_OF_AN_INGEST = "the ingest's queue"


@kind("backlog", "More messages wait for the ingest than ledger.max_backlog, or longer than ledger.max_backlog_age.")
def _backlog(facts: Facts) -> Iterator[Found]:
    limits = facts.settings.ledger
    for label, depth in (facts.broker.depths or {}).items():
        old = depth.oldest_age is not None and depth.oldest_age > limits.max_backlog_age.total_seconds()
        if depth.messages > limits.max_backlog or old:
            age = f", the oldest for {duration(depth.oldest_age)}" if depth.oldest_age is not None else ""
            yield f"{depth.messages:,} messages wait{age}: run another ingest, or see what holds it up", (label,)


@kind("no_consumer", "Messages wait on a queue, and no process that consumes it gives signs of life.")
def _no_consumer(facts: Facts) -> Iterator[Found]:
    if facts.fates is None or facts.broker_fault:
        return
    living = facts.living()
    if not any(one.role == "ingest" for one in living):
        for label, depth in (facts.broker.depths or {}).items():
            if depth.messages:
                yield f"{depth.messages:,} messages wait, and no ingest lives", (label,)
        return  # nor can anybody have told us of those that have no database
    consumed = {queue for one in living for queue in one.queues.split()}
    for queue, messages in (facts.queues or {}).items():
        if messages and queue not in consumed:
            yield f"{messages:,} tasks wait, and no worker that takes them lives", (queue,)


KINDS = (_backlog, _no_consumer)
