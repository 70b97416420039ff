"""Rows as Parquet: decimals exact, times in UTC with microseconds, JSON as text, packed by zstd.

Arrow is of the extra ``bills``, and imported where such a file is written: CSV does without.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import IO, Any

from storage.export.asked import TooManyDigits
from storage.export.snapshot import Column

_LEVEL = 3


class ParquetFile:
    """Writes what it is given, as a group of rows each time."""

    def __init__(self, out: IO[bytes], columns: Sequence[Column], precision: int, scales: Mapping[str, int]) -> None:
        """ModuleNotFoundError where Arrow is not installed."""
        self._arrow, self._csv = import_module("pyarrow"), import_module("pyarrow.csv")
        self._types = {one.name: _type(self._arrow, one, precision, scales) for one in columns}
        schema = self._arrow.schema([self._arrow.field(name, of_type) for name, of_type in self._types.items()])
        self._writer = import_module("pyarrow.parquet").ParquetWriter(
            out, schema, version="2.6", compression="zstd", compression_level=_LEVEL, use_dictionary=True
        )

    def add(self, rows: Sequence[bytes]) -> None:
        """Write lines of CSV; TooManyDigits where a number would not stay what it is."""
        text = b"".join(rows)
        try:
            table = self._csv.read_csv(
                self._arrow.BufferReader(text),
                # One block: what two threads would cut anew is as it comes.
                self._csv.ReadOptions(use_threads=False, block_size=len(text) + 1, column_names=list(self._types)),
                self._csv.ParseOptions(newlines_in_values=True),
                self._csv.ConvertOptions(
                    column_types=self._types,
                    null_values=[""],
                    strings_can_be_null=True,
                    quoted_strings_can_be_null=False,
                    true_values=["true"],
                    false_values=["false"],
                ),
            )
        except self._arrow.ArrowInvalid as error:
            if "decimal" in str(error).lower():
                raise TooManyDigits from None
            raise
        self._writer.write_table(table, row_group_size=len(rows))

    def close(self) -> None:
        """Write what is left; the file itself is the caller's."""
        self._writer.close()


def _type(arrow: Any, column: Column, precision: int, scales: Mapping[str, int]) -> Any:
    if column.kind == "Decimal":
        return arrow.decimal128(precision, scales[column.name])
    if column.kind == "Date/Time":
        return arrow.timestamp("us", tz="UTC")
    return {"Boolean": arrow.bool_(), "Integer": arrow.int64()}.get(column.kind, arrow.string())
