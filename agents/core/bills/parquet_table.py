"""Parquet as a table of text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

from agents.core.bills.arrow_text import as_text
from agents.core.bills.libraries import need
from agents.core.bills.once import Opened, expect
from agents.core.bills.unpacking import torn
from telemetry.errors import CollectionError, CollectionFailed

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS = 16_384
"""In a batch: with a hundred columns of text it is some 30 MB."""
_LONGEST_ROW = 1024 * 1024
"""Bytes, on the average of a row group: as of CSV."""
_BUFFERS = 32 * 1024 * 1024
"""Bytes that are read ahead, of all columns together."""
_LARGEST, _SMALLEST = 2 * 1024 * 1024, 128 * 1024


class ParquetTable:
    """A file whose row groups are read a column chunk at a time, by ranges."""

    def __init__(self, name: str, look: Opened, begin: Opened) -> None:
        """Read the footer. ``look`` and ``begin`` give the same file, for it and for the rows."""
        self.name = name
        self.rows = 0
        self._begin = begin
        with self._opened(look, 1) as (file, _):
            self.columns = tuple(file.schema_arrow.names)
            if len(set(self.columns)) < len(self.columns):
                raise CollectionFailed(f"{name}: two columns have the same name")

    def batches(self, wanted: Sequence[int]) -> Iterator[pa.RecordBatch]:
        """The rows; see tables.Table."""
        arrow = need("pyarrow")
        names = [self.columns[place] for place in wanted]
        with self._opened(self._begin, max(1, len(names))) as (file, source):
            self._check_rows(file.metadata)
            expect(source, _chunks(file, wanted))
            for batch in file.iter_batches(_ROWS, columns=names or list(self.columns[:1]), use_threads=False):
                self.rows += batch.num_rows
                made = dict(zip(batch.schema.names, batch.columns, strict=True))
                texts = [as_text(made[name]) for name in names]
                labels = [f"c{place}" for place in wanted]
                if not texts:
                    texts, labels = [arrow.nulls(batch.num_rows, arrow.string())], ["c0"]
                yield arrow.RecordBatch.from_arrays(texts, labels)
            if self.rows != file.metadata.num_rows:
                raise torn(self.name, f"{self.rows} rows came of {file.metadata.num_rows}")

    def _check_rows(self, metadata: Any) -> None:
        """CollectionFailed where a few kilobytes unpack to gigabytes at once: a page has all of a value."""
        for number in range(metadata.num_row_groups):
            group = metadata.row_group(number)
            if group.total_byte_size > _LONGEST_ROW * max(1, group.num_rows):
                raise torn(self.name, f"its rows have more than {_LONGEST_ROW} bytes each")

    @contextmanager
    def _opened(self, begin: Opened, columns: int) -> Iterator[tuple[Any, BinaryIO]]:
        arrow, parquet = need("pyarrow"), need("pyarrow.parquet")
        buffer = min(_LARGEST, max(_SMALLEST, _BUFFERS // columns))
        with begin() as opened:
            source = _Watched(opened)
            try:
                with parquet.ParquetFile(arrow.PythonFile(source, "r"), buffer_size=buffer, pre_buffer=False) as file:
                    yield file, opened
            except CollectionError:
                raise
            except (arrow.ArrowException, OSError, ValueError, TypeError, KeyError) as error:
                if source.failure is not None:
                    raise source.failure from None
                raise torn(self.name, f"after row {self.rows}: {str(error)[:300]}") from None


def _chunks(file: Any, wanted: Sequence[int]) -> list[tuple[int, int]]:
    """Where the bytes of these columns are; nothing where one cannot tell."""
    metadata, leaves = file.metadata, [_leaves(field.type) for field in file.schema_arrow]
    if sum(leaves) != metadata.num_columns:
        return []
    first = [sum(leaves[:place]) for place in wanted or [0]]
    columns = [start + part for start, place in zip(first, wanted or [0], strict=True) for part in range(leaves[place])]
    found = []
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        for column in map(group.column, columns):
            begins = [one for one in (column.dictionary_page_offset, column.data_page_offset) if one]
            if begins:
                found.append((min(begins), min(begins) + column.total_compressed_size))
    return found


def _leaves(kind: pa.DataType) -> int:
    """Columns of the file that a column is kept in: one for each of its parts."""
    if need("pyarrow").types.is_nested(kind):
        return sum(_leaves(kind.field(place).type) for place in range(kind.num_fields))
    return 1


class _Watched:
    """A file that keeps what a read has raised: Arrow tells of it in words of its own."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.failure: CollectionError | None = None

    def read(self, size: int = -1) -> bytes:
        try:
            return self._file.read(size)
        except CollectionError as error:
            self.failure = error
            raise

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)
