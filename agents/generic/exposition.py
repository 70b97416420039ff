"""The text formats of Prometheus and OpenMetrics, read line by line."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any, TextIO, cast

import httpx
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_fd_to_metric_families

from agents.generic.samples import Samples
from telemetry.errors import CollectionError, CollectionFailed

OPENMETRICS = "application/openmetrics-text"
ACCEPT = f"{OPENMETRICS};version=1.0.0;q=0.9,text/plain;version=0.0.4;q=0.8,*/*;q=0.1"
MAX_LINE = 64 * 1024
"""Bytes: room for some hundred labels."""


def add_samples(body: Iterable[bytes], content_type: str, include: tuple[str, ...], samples: Samples) -> None:
    """Take the samples of a page whose names match ``include`` (all where it is empty).

    CollectionFailed where the page is neither of the formats, a line is longer than MAX_LINE, or there are more lines
    than the source's max_samples allows for.
    """
    lines = _Lines(body, 4 * samples.source.max_samples + 1000)
    is_open = content_type.startswith(OPENMETRICS)
    read = openmetrics.text_fd_to_metric_families if is_open else text_fd_to_metric_families
    families = iter(read(cast("TextIO", lines)))
    while True:
        try:
            family = next(families, None)
        except (CollectionError, httpx.HTTPError):
            raise  # of the body, which is still on its way
        except Exception as error:  # noqa: BLE001 - the parsers raise whatever their code runs into
            reason = str(error)[:200] or type(error).__name__
            raise CollectionFailed(f"line {lines.number}: not in the text format: {reason}") from None
        if family is None:
            return
        for sample in family.samples:
            if not include or any(fnmatchcase(sample.name, pattern) for pattern in include):
                _add(sample, family, samples)


def _add(sample: Any, family: Any, samples: Samples) -> None:
    labels = dict(sample.labels)
    statistic = _statistic(labels, family.type)
    samples.add(
        sample.name, sample.value, tags=labels, unit=family.unit, statistic=statistic, when=_time(sample.timestamp)
    )


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


class _Lines:
    """A body as a text file, as far as the parsers read one: line by line."""

    def __init__(self, body: Iterable[bytes], limit: int) -> None:
        self._lines = _split(body)
        self._limit = limit
        self.number = 0

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            self.number += 1
            if self.number > self._limit:
                raise CollectionFailed(f"the page has more than {self._limit} lines: raise max_samples")
            try:
                yield line.decode("utf-8")
            except UnicodeDecodeError as error:
                raise CollectionFailed(f"line {self.number} is not UTF-8: {error.reason}") from None


def _split(body: Iterable[bytes]) -> Iterator[bytes]:
    rest = b""
    for piece in body:
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            _check(line)
            yield line + b"\n"
        _check(rest)
    if rest:
        yield rest


def _check(line: bytes) -> None:
    if len(line) > MAX_LINE:
        raise CollectionFailed(f"a line is longer than {MAX_LINE} bytes; it begins with {line[:40]!r}")
