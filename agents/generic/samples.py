"""What a polled source said, as records: bounded in number, each thing once, and what is no number is counted."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from agents.core.context import Context
from agents.generic.settings import PolledSource
from telemetry.checks import MAX_KEY, MAX_TEXT
from telemetry.errors import CollectionFailed
from telemetry.records import MetricPoint, Record, Resource
from telemetry.target import Target, Window, format_time

logger = logging.getLogger(__name__)

TAKEN = "samples_taken"
LEFT_OUT = "samples_left_out"
PATIENCE = timedelta(seconds=15)
"""So long the fleet may take from the end of a window to its poll, however short the window is."""


def moment_of(context: Context, window: Window) -> datetime:
    """The time that a reading for ``window`` bears: now, or the window's last second where that is just over.

    CollectionFailed where it is over for longer than it was (or than PATIENCE): only the present can be asked for.
    """
    now = context.shared.now()
    late = now - window.end
    if late > max(window.duration, PATIENCE):
        raise CollectionFailed(
            f"window {window}: it ended {late.total_seconds():.0f} s ago, and a source only tells of the present"
        )
    return min(max(now, window.start), window.end - timedelta(seconds=1)).replace(microsecond=0)


@dataclass
class Samples:
    """The samples of one poll."""

    target: Target
    source: PolledSource
    window: Window
    #: What a sample bears that has no time of its own.
    moment: datetime
    #: What was left out, by why.
    left_out: dict[str, int] = field(default_factory=dict)
    #: Of what could not be read, the first example, by why.
    odd: dict[str, str] = field(default_factory=dict)
    _resources: dict[tuple[tuple[str, str], ...], Resource] = field(default_factory=dict)
    _points: dict[tuple[object, ...], MetricPoint] = field(default_factory=dict)

    def add(
        self,
        metric: str,
        value: float,
        *,
        resource: str = "",
        tags: Mapping[str, str] | None = None,
        unit: str = "",
        statistic: str = "gauge",
        when: datetime | None = None,
    ) -> None:
        """Take one sample of ``resource`` (the source itself where it has no name), or count why it is left out.

        CollectionFailed where there are more than the source's max_samples.
        """
        texts = [metric, resource, unit, statistic, *(tags or {}), *(tags or {}).values()]
        fault = self._fault(value, when) or _fault_of_texts(metric, texts)
        found = None if fault else self._resource(resource, tags or {})
        start = (when or self.moment).replace(microsecond=0)
        key = (found.resource_id if found else "", metric, unit, statistic, start)
        if not fault and key in self._points:
            fault = "there twice"
        if fault or found is None:
            self.left_out[fault] = self.left_out.get(fault, 0) + 1
            return
        if len(self._points) >= self.source.max_samples:
            limit = self.source.max_samples
            raise CollectionFailed(f"source {self.source.name}: more than {limit} samples: raise max_samples")
        self._points[key] = _point(found, metric, start, value, unit=unit, statistic=statistic)

    def leave_out(self, why: str, example: str) -> None:
        """Count a sample that cannot be read; the first of its kind is named."""
        self.left_out[why] = self.left_out.get(why, 0) + 1
        self.odd.setdefault(why, example)

    def records(self, context: Context) -> Iterator[Record]:
        """The samples, and how many were taken and left out; what could not be read is said to the context.

        CollectionFailed where not one could be read: then the source is not what it is taken for.
        """
        if self.odd and not self._points:
            raise CollectionFailed(f"source {self.source.name}: {next(iter(self.odd.values()))}")
        for why, example in self.odd.items():
            context.partial("values", f"{why}; the first: {example}", of="samples", count=self.left_out[why])
        if words := self.say():
            logger.warning("%s", words)
        itself = self._resource("", {})
        yield itself
        yield from self._points.values()
        taken, left = len(self._points), sum(self.left_out.values())
        yield _point(itself, TAKEN, self.moment, taken)
        yield _point(itself, LEFT_OUT, self.moment, left)

    def _fault(self, value: float, when: datetime | None) -> str:
        if not math.isfinite(value):
            return "not a finite number"
        return "of another time" if when is not None and when not in self.window else ""

    def _resource(self, name: str, tags: Mapping[str, str]) -> Resource:
        key = (("", name), *sorted(tags.items()))
        known = self._resources.get(key)
        if known is None:
            # Quoted: {a="b,c=d"} is not {a="b",c="d"}.
            labels = ",".join(f"{tag}={json.dumps(value, ensure_ascii=False)}" for tag, value in sorted(tags.items()))
            known = self._resources[key] = Resource(
                provider=self.target.provider,
                account=self.source.name,
                region=self.target.region,
                service=self.target.service,
                resource_id=name or (f"{self.source.name}{{{labels}}}" if labels else self.source.name),
                type="sample" if name or labels else "source",
                name=name,
                tags=dict(tags),
            )
        return known

    def say(self) -> str:
        """In words what was left out; empty where nothing was."""
        parts = [
            f"{count} {why}" + (f" (the first: {self.odd[why]})" if why in self.odd else "")
            for why, count in sorted(self.left_out.items())
        ]
        at = format_time(self.moment)
        return f"source {self.source.name} at {at}: left out {', '.join(parts)}" if parts else ""


def _fault_of_texts(metric: str, texts: list[str]) -> str:
    try:
        size = sum(len(text.encode()) for text in texts)
    except UnicodeEncodeError:
        return "with half a character"  # JSON has \ud800 for one
    if not metric or size > MAX_KEY - MAX_KEY // 4 or any(len(text) > MAX_TEXT for text in texts):
        return "without a name, or with texts that are too long"
    return "with a NUL character" if any("\x00" in text for text in texts) else ""


def _point(
    resource: Resource, metric: str, start: datetime, value: float, *, unit: str = "count", statistic: str = "gauge"
) -> MetricPoint:
    return MetricPoint(
        resource=resource,
        metric=metric,
        source_metric=metric,
        unit=unit,
        statistic=statistic,
        start=start.astimezone(UTC),
        period=0,
        value=float(value),
    )
