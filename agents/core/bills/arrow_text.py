"""Columns of Arrow as text that says exactly what they hold."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from agents.core.bills.libraries import need

if TYPE_CHECKING:
    import pyarrow as pa

_ESCAPED = r'["\\\x00-\x1f]'


def as_text(column: pa.Array) -> pa.Array:
    """The column as text: of a float its shortest decimal, of times ISO 8601 in UTC, JSON of what has parts."""
    arrow = need("pyarrow")
    kinds = arrow.types
    kind = column.type
    if isinstance(kind, arrow.BaseExtensionType):
        return as_text(column.storage)
    if kinds.is_dictionary(kind):
        return as_text(column.dictionary).take(column.indices)
    if kinds.is_nested(kind):
        return need("pyarrow.compute").if_else(column.is_valid(), json_text(column), None)
    if kinds.is_timestamp(kind) and kind.tz is not None:
        # The same moments, with another zone to be shown in.
        column = column.cast(arrow.timestamp(kind.unit, "UTC"))
    return _each_once(column) if kinds.is_timestamp(kind) or kinds.is_floating(kind) else _plain(column)


def _plain(column: pa.Array) -> pa.Array:
    """What neither has parts nor takes long. Bytes that are no text are given in hexadecimal digits."""
    arrow = need("pyarrow")
    if arrow.types.is_null(column.type):
        return arrow.nulls(len(column), arrow.string())
    try:
        return column.cast(arrow.string())
    except arrow.ArrowInvalid:
        kinds = (arrow.types.is_binary, arrow.types.is_large_binary, arrow.types.is_fixed_size_binary)
        if not any(is_kind(column.type) for is_kind in kinds):
            raise
        return arrow.array([None if value is None else value.hex() for value in column.to_pylist()], arrow.string())
    except arrow.ArrowNotImplementedError:
        # Arrow makes no text of a few types, intervals for one: a further column of one is kept in Python's words.
        return arrow.array([None if value is None else str(value) for value in column.to_pylist()], arrow.string())


def weight(column: pa.Array) -> int:
    """Bytes that it has as text, of what has parts without the marks of JSON. A dictionary has each text once."""
    arrow, compute = need("pyarrow"), need("pyarrow.compute")
    kinds, kind = arrow.types, column.type
    if isinstance(kind, arrow.BaseExtensionType):
        return weight(column.storage)
    if kinds.is_dictionary(kind):
        lengths = compute.binary_length(column.dictionary).cast(arrow.int64())
        if not len(column) or (compute.max(lengths).as_py() or 0) * len(column) <= _LIGHT:
            return len(column)
        return int(compute.sum(lengths.take(column.indices)).as_py() or 0)
    if kinds.is_map(kind) or kinds.is_list(kind) or kinds.is_large_list(kind):
        start, end = column.offsets[0].as_py(), column.offsets[-1].as_py()
        return int(weight(column.values[start:end]) + end - start)
    if kinds.is_struct(kind):
        return sum(weight(column.field(place)) for place in range(kind.num_fields))
    return int(column.nbytes)


_LIGHT = 1024 * 1024


def _each_once(column: pa.Array) -> pa.Array:
    """Hours are few, amounts come again, and their text takes long to make."""
    found = column.dictionary_encode()
    return found.dictionary.cast(need("pyarrow").string()).take(found.indices)


def json_text(column: pa.Array) -> pa.Array:
    """JSON of each value; null where there is none. Made of whole columns: rows of a map are too many for Python."""
    arrow = need("pyarrow")
    kinds, kind = arrow.types, column.type
    if kinds.is_fixed_size_list(kind):
        return json_text(column.cast(arrow.large_list(kind.value_type)))
    if kinds.is_list_view(kind) or kinds.is_large_list_view(kind):
        # Rare, and its parts may stand in any order.
        return json_text(arrow.array(column.to_pylist(), arrow.large_list(kind.value_type)))
    if kinds.is_map(kind):
        made = _json_of_map(column)
    elif kinds.is_list(kind) or kinds.is_large_list(kind):
        parts = column.values[column.offsets[0].as_py() : column.offsets[-1].as_py()]
        made = _joined(column, json_text(parts), "[", "]")
    elif kinds.is_struct(kind):
        made = _json_of_struct(column)
    elif kinds.is_integer(kind) or kinds.is_decimal(kind) or kinds.is_boolean(kind):
        made = column.cast(arrow.string())
    elif kinds.is_floating(kind):
        # JSON has no word for what is no number.
        finite = need("pyarrow.compute").is_finite(column)
        made = need("pyarrow.compute").if_else(finite, column.cast(arrow.string()), None)
    else:
        made = _quoted(as_text(column))
    return _or_null(made)


def _json_of_map(column: pa.MapArray) -> pa.Array:
    compute = need("pyarrow.compute")
    start, end = column.offsets[0].as_py(), column.offsets[-1].as_py()
    keys, items = column.keys[start:end], column.items[start:end]
    pairs = compute.binary_join_element_wise(_quoted(as_text(keys)), json_text(items), ":")
    return _joined(column, pairs, "{", "}")


def _json_of_struct(column: pa.StructArray) -> pa.Array:
    arrow, compute = need("pyarrow"), need("pyarrow.compute")
    pieces = []
    for place in range(column.type.num_fields):
        name = _quoted(arrow.array([column.type.field(place).name]))[0].as_py()
        pieces.append(compute.binary_join_element_wise(f"{name}:", json_text(column.field(place)), ""))
    inside = compute.binary_join_element_wise(*pieces, ",") if pieces else arrow.array([""] * len(column))
    made = compute.binary_join_element_wise("{", inside, "}", "")
    return compute.if_else(column.is_valid(), made, None)


def _joined(column: Any, parts: pa.Array, before: str, after: str) -> pa.Array:
    """The parts of each value of a list or a map in one text."""
    arrow, compute = need("pyarrow"), need("pyarrow.compute")
    # A column may be a slice of another one: its parts are not, and begin at zero.
    offsets = compute.subtract(column.offsets, column.offsets[0]).cast(arrow.int32())
    lists = arrow.ListArray.from_arrays(offsets, parts)
    made = compute.binary_join_element_wise(before, compute.binary_join(lists, ","), after, "")
    return compute.if_else(column.is_valid(), made, None)


def _or_null(made: pa.Array) -> pa.Array:
    """``null`` where a part of JSON has no value; the outermost level is told apart by as_text."""
    return need("pyarrow.compute").fill_null(made, "null")


def _quoted(column: pa.Array) -> pa.Array:
    """Strings of JSON. The same few come again and again, so each is made once."""
    arrow, compute = need("pyarrow"), need("pyarrow.compute")
    found = column.cast(arrow.string()).dictionary_encode()
    texts = found.dictionary
    if compute.any(compute.match_substring_regex(texts, _ESCAPED)).as_py():
        texts = arrow.array([json.dumps(text, ensure_ascii=False) for text in texts.to_pylist()], arrow.string())
    else:
        texts = compute.binary_join_element_wise('"', texts, '"', "")
    return texts.take(found.indices)
