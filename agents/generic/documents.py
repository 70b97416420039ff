"""A JSON document, and the samples that a mapping finds in it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import jmespath

from agents.generic.samples import Samples
from agents.generic.settings import HttpJsonSource, JsonMapping
from telemetry.errors import CollectionError, CollectionFailed
from telemetry.target import parse_time
from telemetry.wording import written

_SHOWN = 60
_ITEMS_A_SAMPLE = 20
_SPARE_ITEMS = 10_000
_MOST_DIGITS = 400


def read_document(body: Iterable[bytes], max_samples: int = 50_000) -> Any:
    """The document; CollectionFailed where it is not JSON, or not UTF-8. NaN and Infinity are read as such.

    Also where it has more than 20 items for each of ``max_samples``: 16 MB of ``{},`` would be half a gigabyte.
    """
    data = b"".join(body)
    # Counted before it is read: one that stands in a text counts as well, which does no harm.
    items = data.count(b",") + data.count(b"[") + data.count(b"{")
    if items > _ITEMS_A_SAMPLE * max_samples + _SPARE_ITEMS:
        raise CollectionFailed(f"the answer has about {items} items: raise max_samples, or ask for less")
    try:
        return json.loads(data.decode("utf-8"), parse_int=_whole)
    except UnicodeDecodeError as error:
        raise CollectionFailed(f"the answer is not UTF-8: {error.reason} at byte {error.start}") from None
    except RecursionError:
        raise CollectionFailed("the answer nests too deep") from None
    except ValueError as error:
        raise CollectionFailed(f"the answer is not JSON: {error}; it begins with {written(data, _SHOWN)}") from None


def _whole(text: str) -> float:
    # int() refuses thousands of digits: one such number must not cost the document.
    return int(text) if len(text) <= _MOST_DIGITS else float(text)


def add_samples(document: Any, source: HttpJsonSource, samples: Samples) -> None:
    """Take what the source's mappings find, and leave out each record that does not fit.

    CollectionFailed where a mapping finds no records in the document.
    """
    for index, mapping in enumerate(source.mapping):
        path = f"mapping[{index}]"
        records = _search(mapping.records, document, f"{path}.records")
        if records is None:
            raise CollectionFailed(f"{path}.records: {mapping.records!r} finds nothing in the answer")
        finder = _Finder(mapping, samples)
        for number, record in enumerate(records if isinstance(records, list) else [records]):
            _take(finder, record, f"{path}, record {number}", samples)


class _Unfit(Exception):
    """Why, and the value."""


def _take(finder: _Finder, record: Any, where: str, samples: Samples) -> None:
    try:
        finder.take(record)
    except CollectionError:
        raise
    except _Unfit as unfit:
        why, example = unfit.args
        samples.leave_out(why, f"{where}: {example}")
    except Exception as error:  # noqa: BLE001 - a nest without an end, for one
        samples.leave_out("in records that cannot be read", f"{where}: cannot be read ({type(error).__name__})")


class _Finder:
    """One mapping, compiled."""

    def __init__(self, mapping: JsonMapping, samples: Samples) -> None:
        self._samples = samples
        fields = ("value", "metric", "resource", "unit", "timestamp", "tags")
        given = {name: getattr(mapping, name) for name in fields}
        self._compiled = {name: jmespath.compile(text) for name, text in given.items() if text is not None}

    def take(self, record: Any) -> None:
        found = {name: self._find(name, record) for name in self._compiled}
        value = found["value"]
        if value is None:
            return  # not known
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise _Unfit("whose value is no number", f"value {_show(value)} is not a number")
        if not isinstance(found["metric"], str):
            raise _Unfit("whose metric is no text", f"metric {_show(found['metric'])} is not a text")
        self._samples.add(
            found["metric"],
            _as_float(value),
            resource=_text(found.get("resource")),
            unit=_text(found.get("unit")),
            tags=_tags(found.get("tags")),
            when=_time(found.get("timestamp")),
        )

    def _find(self, name: str, record: Any) -> Any:
        try:
            return self._compiled[name].search(record)
        except Exception as error:  # noqa: BLE001 - functions of JMESPath raise what Python's do
            raise _Unfit(f"whose {name} cannot be computed", f"{name}: {_reason(error)}") from None


def _search(expression: str, document: Any, path: str) -> Any:
    try:
        return jmespath.search(expression, document)
    except Exception as error:  # noqa: BLE001 - as above
        raise CollectionFailed(f"{path}: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def _as_float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf")  # a whole number with more than 308 digits: as if it were written 1e999


def _text(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else json.dumps(value)


def _tags(value: Any) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _Unfit("whose tags are no object", f"tags {_show(value)} is not an object")
    return {name: _text(item) for name, item in value.items() if item is not None}


def _time(value: Any) -> datetime | None:
    try:
        if value is None:
            return None
        if isinstance(value, str):
            return parse_time(value)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        pass
    remedy = "write 2026-11-24T05:00:00Z, or seconds since 1970"
    raise _Unfit("whose timestamp is no time", f"timestamp {_show(value)}: {remedy}")


def _show(value: Any) -> str:
    return written(value, _SHOWN)
