"""What `finfleet status` takes for trouble: a file for each thing that may be in it, and in each a list of kinds.

A new kind is a function of :class:`Facts` with the decorator ``kind``, in the list ``KINDS`` of its file. The table in
docs/operations.md has a line for each, which a test compares.
"""

from __future__ import annotations

from workers.status.facts import Facts
from workers.status.kinds import delivery, processes, queues, servers, targets
from workers.status.kinds.kind import Kind, Problem

KINDS: tuple[Kind, ...] = (*servers.KINDS, *processes.KINDS, *targets.KINDS, *queues.KINDS, *delivery.KINDS)
"""The most severe first."""

__all__ = ["KINDS", "Kind", "Problem", "problems_of"]


def problems_of(facts: Facts) -> list[Problem]:
    """Everything that is wrong, the most severe first."""
    return [problem for kind in KINDS for problem in kind.problems(facts)]
