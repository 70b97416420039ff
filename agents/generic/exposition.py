"""The text formats of Prometheus and OpenMetrics, family by family: an odd one is left out, and counted."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any

from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_fd_to_metric_families

from agents.generic.families import EOF, Family, Page
from agents.generic.samples import Samples
from telemetry.errors import CollectionFailed

OPENMETRICS = "application/openmetrics-text"
LENIENT = "text/plain;version=0.0.4,*/*;q=0.1"
"""Asked for first: its readers take what exporters write. Many servers give OpenMetrics to whoever names it at all."""
STRICT = f"{OPENMETRICS};version=1.0.0,*/*;q=0.1"
"""Asked for where a server has no other form."""

Parse = Callable[[Iterator[str]], Iterable[Any]]


def add_samples(body: Iterable[bytes], content_type: str, include: tuple[str, ...], samples: Samples) -> None:
    """Take the samples of a page whose names match ``include`` (all where it is empty).

    A family that is not of the format is left out, but for those of its lines that are. CollectionFailed where a line
    is longer than MAX_LINE, there are more lines than the source's max_samples allows for, or the page has an end to
    come to, and does not.
    """
    is_open = content_type.startswith(OPENMETRICS)
    parse = _open if is_open else _plain
    page = Page(body, 4 * samples.source.max_samples + 1000)
    for family in page.families():
        for unit, sample in _read(family, parse, samples):
            if not include or any(fnmatchcase(sample.name, pattern) for pattern in include):
                _add(sample, unit, family, samples)
    for fault in page.odd:
        samples.leave_out("in lines that cannot be read", fault)
    if is_open and not page.ended:
        raise CollectionFailed(f"the page ends without {EOF}: it is not whole")


def _plain(lines: Iterator[str]) -> Iterable[Any]:
    return text_fd_to_metric_families(lines)  # type: ignore[arg-type]  # it reads line by line


def _open(lines: Iterator[str]) -> Iterable[Any]:
    yield from openmetrics.text_fd_to_metric_families(_with_end(lines))  # type: ignore[no-untyped-call]


def _with_end(lines: Iterator[str]) -> Iterator[str]:
    yield from (f"{line}\n" for line in lines)
    yield EOF


def _read(family: Family, parse: Parse, samples: Samples) -> Iterator[tuple[str, Any]]:
    """The samples of a family, each with its unit."""
    try:
        yield from _parsed(parse, [*family.described, *(line for _, line in family.samples)])
    except Exception:  # noqa: BLE001 - the parsers raise whatever their code runs into
        for number, line in family.samples:
            # A line by itself is of no kind: rules of a kind are what most odd families break.
            try:
                yield from _parsed(parse, [line])
            except Exception as error:  # noqa: BLE001 - as above
                reason = " ".join(str(error).split())[:120] or type(error).__name__
                samples.leave_out("not in the text format", f"line {number}: not in the text format: {reason}")


def _parsed(parse: Parse, lines: list[str]) -> list[tuple[str, Any]]:
    """All of them, or none."""
    return [(family.unit, sample) for family in parse(iter(lines)) for sample in family.samples]


def _add(sample: Any, unit: str, family: Family, samples: Samples) -> None:
    if sample.value is None:
        samples.leave_out("of native histograms, which are no single number", str(sample.name)[:60])
        return
    labels = dict(sample.labels)
    statistic = _statistic(labels, family.kind)
    samples.add(sample.name, sample.value, tags=labels, unit=unit, statistic=statistic, when=_time(sample.timestamp))


def _statistic(labels: dict[str, str], kind: str) -> str:
    """What the value is; the labels that say so are not of the thing that is measured."""
    if kind in {"histogram", "gaugehistogram"} and "le" in labels:
        return f"le {labels.pop('le')}"
    if kind == "summary" and "quantile" in labels:
        return f"quantile {labels.pop('quantile')}"
    return "counter" if kind in {"counter", "histogram", "summary"} else "gauge"


def _time(timestamp: Any) -> datetime | None:
    if timestamp is None:
        return None
    seconds = float(timestamp)
    try:
        if math.isfinite(seconds):
            return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        pass
    return datetime.max.replace(tzinfo=UTC)  # of another time, whatever that is
