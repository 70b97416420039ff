"""Parquet as a table of text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

from agents.core.bills.arrow_text import as_text, weight
from agents.core.bills.compact import BadPage
from agents.core.bills.libraries import need
from agents.core.bills.once import Opened, expect
from agents.core.bills.pages import Pages
from agents.core.bills.parquet_chunks import chunks_of, dictionaries_of, rows_at_once
from agents.core.bills.parquet_footer import footer_size, groups_of
from agents.core.bills.unpacking import torn
from telemetry.errors import CollectionError, CollectionFailed

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS = 16_384
"""In a batch: with a hundred columns of text it is some 30 MB."""
_LONGEST_ROW = 1024 * 1024
"""Bytes, on the average of a row group: as of CSV."""
_HEAVIEST = 256 * 1024 * 1024
"""Bytes that a batch may have as text. A dictionary has a long value once, and each row of it as text."""
_AT_ONCE = 32 * 1024 * 1024
"""Bytes of text that are made at once: a batch of more is made in parts."""
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
        with self._opened(look) as source, source.parquet() as file:
            self.columns = tuple(file.schema_arrow.names)
            if len(set(self.columns)) < len(self.columns):
                raise CollectionFailed(f"{name}: two columns have the same name")

    def batches(self, wanted: Sequence[int]) -> Iterator[pa.RecordBatch]:
        """The rows; see tables.Table."""
        names = [self.columns[place] for place in wanted]
        with self._opened(self._begin) as source:
            with source.parquet() as file:
                metadata = file.metadata
                self._check_rows(metadata)
                chunks = chunks_of(file, groups_of(source.file), wanted or [0])
                dictionaries = dictionaries_of(file, chunks)
            expect(source.file, [(one.start, one.end) for one in chunks])
            source.pages = Pages(chunks)
            buffer = min(_LARGEST, max(_SMALLEST, _BUFFERS // max(1, len(names))))
            with source.parquet(metadata=metadata, buffer_size=buffer, read_dictionary=dictionaries) as file:
                columns = names or list(self.columns[:1])
                for group in range(metadata.num_row_groups):
                    of_group = [one for one in chunks if one.group == group]
                    size = rows_at_once(source.file, of_group, _ROWS)
                    for batch in file.iter_batches(size, row_groups=[group], columns=columns, use_threads=False):
                        made = dict(zip(batch.schema.names, batch.columns, strict=True))
                        yield from self._texts(batch.num_rows, wanted, [made[name] for name in names])
            if self.rows != metadata.num_rows:
                raise torn(self.name, f"{self.rows} rows came of {metadata.num_rows}")

    def _texts(self, rows: int, wanted: Sequence[int], columns: Sequence[pa.Array]) -> Iterator[pa.RecordBatch]:
        """The columns of a batch as text, in as many parts as its weight asks for."""
        arrow = need("pyarrow")
        if not columns:
            self.rows += rows
            yield arrow.RecordBatch.from_arrays([arrow.nulls(rows, arrow.string())], ["c0"])
            return
        heavy = sum(map(weight, columns))
        if heavy > _HEAVIEST:
            raise torn(self.name, f"after row {self.rows}: {rows} rows are {heavy} bytes of text")
        size = max(1, rows * _AT_ONCE // max(heavy, _AT_ONCE))
        for start in range(0, rows, size):
            texts = [as_text(column.slice(start, size)) for column in columns]
            made = arrow.RecordBatch.from_arrays(texts, [f"c{place}" for place in wanted])
            made.validate(full=True)  # a file may say that it has text, and have none
            self.rows += made.num_rows
            yield made

    def _check_rows(self, metadata: Any) -> None:
        """CollectionFailed where a few kilobytes unpack to gigabytes at once: a page has all of a value."""
        for number in range(metadata.num_row_groups):
            group = metadata.row_group(number)
            if group.total_byte_size > _LONGEST_ROW * max(1, group.num_rows):
                raise torn(self.name, f"its rows have more than {_LONGEST_ROW} bytes each")

    @contextmanager
    def _opened(self, begin: Opened) -> Iterator[_Source]:
        arrow = need("pyarrow")
        with begin() as opened:
            source = _Source(opened)
            try:
                yield source
            except BadPage as error:
                raise torn(self.name, f"after row {self.rows}: {error}") from None
            except CollectionError:
                raise
            except (arrow.ArrowException, OSError, ValueError, TypeError, KeyError, MemoryError) as error:
                failure = source.failure
                if failure is None or isinstance(failure, BadPage):
                    raise torn(self.name, f"after row {self.rows}: {str(failure or error)[:300]}") from None
                raise failure from None


class _Source:
    """A file that is watched while it is read. Keeps what a read has raised: Arrow tells of it in its own words."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.failure: CollectionError | BadPage | None = None
        self.pages: Pages | None = None

    def parquet(self, **options: Any) -> Any:
        """The file as Parquet, to be closed."""
        arrow, parquet = need("pyarrow"), need("pyarrow.parquet")
        footer_size(self.file)
        return parquet.ParquetFile(arrow.PythonFile(_Watched(self), "r"), pre_buffer=False, **options)


class _Watched:
    def __init__(self, source: _Source) -> None:
        self._source = source

    def read(self, size: int = -1) -> bytes:
        source = self._source
        try:
            place = source.file.tell()
            data = source.file.read(size)
            if source.pages is not None:
                source.pages.see(place, data)
        except (CollectionError, BadPage) as error:
            source.failure = error
            raise
        return data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source.file, name)
