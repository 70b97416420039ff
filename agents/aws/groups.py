"""Reads metrics that belong together: a resource whose figures are made of those of its parts."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator

from agents.aws.metrics import MetricReader, Query
from telemetry.records import MetricPoint, Resource

Group = tuple[Resource, list[MetricPoint]]


class GroupReader:
    """Gives the points of a resource all at once, when the last of its queries is answered.

    It takes no more calls than the reader below: a call may end in the middle of a resource, whose points then wait.
    """

    def __init__(self, reader: MetricReader) -> None:
        self._reader = reader
        self._taken = 0
        #: Each resource with the number of its last query.
        self._open: deque[tuple[Resource, int]] = deque()
        self._points: defaultdict[tuple[str, ...], list[MetricPoint]] = defaultdict(list)

    def add(self, resource: Resource, queries: Iterable[Query]) -> Iterator[Group]:
        """Take in all the queries of one resource; yields the resources that became whole with them."""
        asked = list(queries)
        self._taken += len(asked)
        self._open.append((resource, self._taken))
        yield from self._sort(self._reader.add(*asked))

    def finish(self) -> Iterator[Group]:
        """Yield the rest."""
        yield from self._sort(self._reader.finish())

    def _sort(self, points: Iterator[MetricPoint]) -> Iterator[Group]:
        for point in points:
            self._points[point.resource.key].append(point)
        sent = self._taken - self._reader.waiting
        while self._open and self._open[0][1] <= sent:
            resource, _ = self._open.popleft()
            found = self._points.pop(resource.key, [])
            # A sum without one of its parts is none.
            yield resource, [] if resource.key in self._reader.broken else found
