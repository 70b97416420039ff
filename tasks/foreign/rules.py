"""Which tasks a queue takes: its own, and none that somebody else has put there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tasks.lanes import queues_of
from tasks.schedule import PLAN_QUEUE, PUSH_QUEUE, push_queue
from tasks.targets import Planned
from telemetry.errors import ConfigError
from telemetry.settings import Settings

PUSH = "finfleet.push"
COLLECT = "tasks.collect.collect"
_PLANNER = frozenset({"tasks.plan.fan_out", "tasks.plan.sweep", "tasks.plan.forget_old"})


@dataclass(frozen=True)
class Rule:
    """What one queue takes."""

    tasks: frozenset[str] = frozenset()
    #: Of a queue of collections: the providers that are collected by it.
    providers: frozenset[str] = frozenset()
    #: Of a queue of one source: that source.
    source: str = ""
    #: Anybody's messages lie there.
    public: bool = False


NOTHING = Rule()


def queue_rules(settings: Settings, planned: Mapping[tuple[str, str], Planned]) -> dict[str, Rule]:
    """The rule of every queue that there is."""
    rules = {PLAN_QUEUE: Rule(_PLANNER)}
    for name, source in push_queues(settings.push_sources):
        rules[name] = Rule(frozenset({PUSH}), source=source, public=True)
    for (provider, _), plan in planned.items():
        for queue in sorted(queues_of(plan)):
            former = rules.get(queue, NOTHING)
            if former.tasks - {COLLECT}:
                problem = f"{provider}.queue: {queue!r}: it is not a queue of collections; choose another"
                raise ConfigError("configuration", (problem,))
            rules[queue] = Rule(frozenset({COLLECT}), former.providers | {provider})
    return rules


def push_queues(sources: Iterable[str]) -> list[tuple[str, str]]:
    """The public queue, and one for each source, with the source; none where nobody may push."""
    named = [(push_queue(source), source) for source in sources]
    return [(PUSH_QUEUE, ""), *named] if named else []
