"""Where the points are: one series per project, metric type, and the labels of metric and resource."""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from emulators.gcp.monitoring.descriptors import AGENT, GOOGLE, Descriptor
from emulators.gcp.monitoring.distribution import Distribution
from emulators.gcp.projects import Projects

Value = float | int | bool | str | Distribution
Time = float | datetime
Labels = Mapping[str, str]
Identity = tuple[tuple[tuple[str, str], ...], str, tuple[tuple[str, str], ...]]


@dataclass(slots=True)
class Series:
    """The points of one series in order of time: `ends` and `starts` in epoch seconds, equal for a GAUGE.

    The sequences may be shared among series: whoever adds to one makes new ones.
    """

    metric_type: str
    metric_labels: Labels
    resource_type: str
    resource_labels: Labels
    kind: str
    value_type: str
    starts: Sequence[float]
    ends: Sequence[float]
    values: Sequence[Value]


class MetricStore:
    """Every series. Points in the future of the clock are not visible yet; nor those younger than `delay_seconds`."""

    def __init__(self, projects: Projects, clock: Callable[[], float]) -> None:
        self._lock = threading.Lock()
        self._projects = projects
        self._clock = clock
        self._series: dict[str, dict[str, dict[Identity, Series]]] = {}
        self._descriptors: dict[tuple[str, str], Descriptor] = {}
        self._scopes: dict[str, list[str]] = {}
        self.delay_seconds = 0.0

    def put(  # noqa: PLR0917  # the order is that of Monitoring's own TimeSeries
        self,
        project: str,
        metric_type: str,
        metric_labels: Labels,
        resource_type: str,
        resource_labels: Labels,
        kind: str,
        value_type: str,
        points: Iterable[tuple[Time, Value] | tuple[Time, Time, Value]],
    ) -> None:
        """Add points: `(time, value)` of a GAUGE, `(start, end, value)` of a DELTA or CUMULATIVE.

        Times are epoch seconds or datetimes with a time zone.

        Raises:
            ValueError: a point without a start where the kind needs one.
        """
        rows = [_row(point, kind) for point in points]
        rows.sort(key=lambda row: row[1])
        starts, ends, values = [r[0] for r in rows], [r[1] for r in rows], [r[2] for r in rows]
        self.load(
            project,
            Series(metric_type, metric_labels, resource_type, resource_labels, kind, value_type, starts, ends, values),
        )

    def load(self, project: str, series: Series) -> None:
        """Add a whole series; its points come after those that are there already.

        Raises:
            ValueError: the kind or the value type is another one than the metric type has.
        """
        self._projects.add(project)
        labels = {project_label(series.resource_type): project} | dict(series.resource_labels)
        series.resource_labels = labels
        identity = (tuple(sorted(series.metric_labels.items())), series.resource_type, tuple(sorted(labels.items())))
        with self._lock:
            self._describe(project, series)
            held = self._series.setdefault(project, {}).setdefault(series.metric_type, {})
            before = held.get(identity)
            held[identity] = series if before is None else _joined(before, series)

    def series(self, project: str, metric_type: str) -> list[Series]:
        """The series of a metric type in a project, in the order in which they were first put."""
        with self._lock:
            return list(self._series.get(project, {}).get(metric_type, {}).values())

    def add_to_scope(self, project: str, *others: str) -> None:
        """Let `project` see the metrics of `others` too, as the scoping project of a metrics scope does."""
        self._scopes.setdefault(project, [project]).extend(others)

    def scope(self, project: str) -> list[str]:
        """The projects whose metrics `project` sees: itself, and those of its metrics scope."""
        return self._scopes.get(project, [project])

    def points(
        self, project: str, metric_type: str, start: Time, end: Time, **labels: str
    ) -> list[tuple[Series, float, Value]]:
        """(series, end, value) of each point with start < end <= `end` whose series has these labels.

        For tests: what there is, whether visible yet or not.
        """
        first, last = _seconds(start), _seconds(end)
        return [
            (series, time, value)
            for series in self.series(project, metric_type)
            if labels.items() <= (dict(series.metric_labels) | dict(series.resource_labels)).items()
            for time, value in zip(series.ends, series.values, strict=True)
            if first < time <= last
        ]

    def visible_until(self) -> float:
        """The newest end of a point that a reader sees."""
        return self._clock() - self.delay_seconds

    def descriptor(self, project: str, metric_type: str) -> Descriptor | None:
        """What a metric type is in a project's scope; None where there is no such type."""
        found = (self._descriptors.get((one, metric_type)) for one in self.scope(project))
        return next(filter(None, found), GOOGLE.get(metric_type))

    def descriptors(self, project: str) -> dict[str, Descriptor]:
        """Every metric type that a project has."""
        own = {name: one for (of, name), one in list(self._descriptors.items()) if of == project}
        return GOOGLE | own

    def drop(self, project: str, metric_type: str, **resource_labels: str) -> None:
        """Forget the series of a metric type whose resource has these labels."""
        with self._lock:
            held = self._series.get(project, {}).get(metric_type, {})
            for identity, series in list(held.items()):
                if resource_labels.items() <= dict(series.resource_labels).items():
                    del held[identity]

    def _describe(self, project: str, series: Series) -> None:
        known = self._descriptors.get((project, series.metric_type)) or (GOOGLE | AGENT).get(series.metric_type)
        if known is not None and (known.kind, known.value_type) != (series.kind, series.value_type):
            raise ValueError(
                f"{series.metric_type} is {known.kind} of {known.value_type}, not {series.kind} of {series.value_type}"
            )
        unit = known.unit if known else "1"
        types = dict.fromkeys([*(known.resource_types if known else ()), series.resource_type])
        self._descriptors[project, series.metric_type] = Descriptor(series.kind, series.value_type, unit, tuple(types))


def project_label(resource_type: str) -> str:
    """The resource label that names the project."""
    return "resource_container" if resource_type.startswith("aiplatform.googleapis.com/") else "project_id"


def _row(point: Sequence[Any], kind: str) -> tuple[float, float, Value]:
    if kind == "GAUGE":
        end = _seconds(point[-2])
        return end, end, point[-1]
    if len(point) != len(("start", "end", "value")):
        raise ValueError(f"a point of a {kind} needs (start, end, value), not {point!r}")
    return _seconds(point[0]), _seconds(point[1]), point[2]


def _seconds(time: Time) -> float:
    return time.timestamp() if isinstance(time, datetime) else time


def _joined(before: Series, after: Series) -> Series:
    rows = sorted(
        [
            *zip(before.starts, before.ends, before.values, strict=True),
            *zip(after.starts, after.ends, after.values, strict=True),
        ],
        key=lambda row: row[1],
    )
    before.starts, before.ends, before.values = [r[0] for r in rows], [r[1] for r in rows], [r[2] for r in rows]
    return before
