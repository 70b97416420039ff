"""Rows as Parquet: decimals exact, times in UTC with microseconds, JSON as text, packed by zstd."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import IO, Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from storage.export.asked import TooManyDigits
from storage.export.snapshot import Column

_LEVEL = 3


class ParquetFile:
    """Writes what it is given, as a group of rows each time."""

    def __init__(self, out: IO[bytes], columns: Sequence[Column], precision: int, scales: Mapping[str, int]) -> None:
        self._types = {one.name: _type(one, precision, scales) for one in columns}
        schema = pa.schema([pa.field(name, of_type) for name, of_type in self._types.items()])
        self._writer = pyarrow.parquet.ParquetWriter(
            out, schema, version="2.6", compression="zstd", compression_level=_LEVEL, use_dictionary=True
        )

    def add(self, rows: Sequence[bytes]) -> None:
        """Write lines of CSV; TooManyDigits where a number would not stay what it is."""
        text = b"".join(rows)
        try:
            table = pyarrow.csv.read_csv(
                pa.BufferReader(text),
                # One block: what two threads would cut anew is as it comes.
                pyarrow.csv.ReadOptions(use_threads=False, block_size=len(text) + 1, column_names=list(self._types)),
                pyarrow.csv.ParseOptions(newlines_in_values=True),
                pyarrow.csv.ConvertOptions(
                    column_types=self._types,
                    null_values=[""],
                    strings_can_be_null=True,
                    quoted_strings_can_be_null=False,
                    true_values=["true"],
                    false_values=["false"],
                ),
            )
        except pa.ArrowInvalid as error:
            if "decimal" in str(error).lower():
                raise TooManyDigits from None
            raise
        self._writer.write_table(table, row_group_size=len(rows))

    def close(self) -> None:
        """Write what is left; the file itself is the caller's."""
        self._writer.close()


def _type(column: Column, precision: int, scales: Mapping[str, int]) -> Any:
    if column.kind == "Decimal":
        return pa.decimal128(precision, scales[column.name])
    if column.kind == "Date/Time":
        return pa.timestamp("us", tz="UTC")
    return {"Boolean": pa.bool_(), "Integer": pa.int64()}.get(column.kind, pa.string())
