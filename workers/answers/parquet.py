"""An answer as a file of Parquet: exact decimals, and what there is to say of it in the file's own metadata."""

from __future__ import annotations

from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

from agents.core.bills.libraries import need
from storage.questions import BadValue
from workers.answers.formats import as_text
from workers.answers.told import Told

_PAGE = 20_000
_DIGITS, _DECIMALS = 38, 18
"""What every reader of Parquet takes."""


def write(told: Told, path: Path) -> None:
    """Write all rows, a group of them at a time; CollectionFailed names the extra where its library is missing."""
    arrow, parquet = need("pyarrow"), need("pyarrow.parquet")
    types = [_type(arrow, name) for name in told.answer.types]
    names = told.only_names
    about = {b"finfleet": as_text(told.about()).encode()}
    schema = arrow.schema(list(zip(names, types, strict=True)), metadata=about)
    rows = told.rows()
    with parquet.ParquetWriter(path, schema) as writer:
        while page := list(islice(rows, _PAGE)):
            columns = zip(*page, strict=True)
            arrays = [_array(arrow, *one) for one in zip(names, types, columns, strict=True)]
            writer.write_table(arrow.Table.from_arrays(arrays, schema=schema))


def _type(arrow: Any, name: str) -> Any:
    known = {
        "bool": arrow.bool_(),
        "int2": arrow.int64(),
        "int4": arrow.int64(),
        "int8": arrow.int64(),
        "float4": arrow.float64(),
        "float8": arrow.float64(),
        "numeric": arrow.decimal128(_DIGITS, _DECIMALS),
        "date": arrow.date32(),
        "timestamptz": arrow.timestamp("us", tz="UTC"),
        "timestamp": arrow.timestamp("us"),
    }
    return known.get(name, arrow.string())


def _array(arrow: Any, name: str, kind: Any, values: tuple[Any, ...]) -> Any:
    if kind == arrow.string():
        values = tuple(None if value is None else _text(value) for value in values)
    try:
        return arrow.array(values, kind)
    except arrow.ArrowInvalid:
        if odd := [value for value in values if isinstance(value, Decimal) and not value.is_finite()]:
            raise BadValue(
                f"column {name} has {odd[0]}, which no decimal of Parquet is: cast it to float8, or write csv or json"
            ) from None
        raise BadValue(
            f"column {name} has a number of more than {_DECIMALS} decimals, or {_DIGITS - _DECIMALS} digits before"
            " them: write it as csv or json"
        ) from None


def _text(value: Any) -> str:
    return as_text(value) if isinstance(value, dict | list | tuple) else str(value)
