"""Tables of text: whatever a file is, its rows come as bounded batches whose columns are all text."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO, Protocol, cast

from agents.core.bills.csv_table import CsvTable, of_file, unique
from agents.core.bills.json_table import JsonLinesTable
from agents.core.bills.libraries import need
from agents.core.bills.once import Once, Opened
from agents.core.bills.parquet_table import ParquetTable
from agents.core.bills.pieces import Shelf
from agents.core.bills.pinned import PinnedFile
from agents.core.bills.stores import ObjectStore
from agents.core.bills.unpacking import pieces, read_pieces, torn
from telemetry.errors import CollectionError

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS = 16_384
_MOST_MEMBERS = 1000
"""Of an archive: its directory is read for each of them."""
_END_OF_ZIP, _VERY_MANY = 22, 0xFFFF


class Table(Protocol):
    """The rows of one file, or of one answer."""

    @property
    def name(self) -> str:
        """For messages: the key of the file."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The names as they stand there, in their order; no two are the same."""

    @property
    def rows(self) -> int:
        """Rows read so far, before any is left out."""

    def batches(self, wanted: Sequence[int]) -> Iterator[pa.RecordBatch]:
        """The rows, of the columns at these places, each as text (null: nothing stands there).

        Column number 7 is called ``c7``; where none is wanted there is one all the same, so that rows can be counted.
        Numbers are digits that mean exactly what was told; of a float its shortest decimal. Times are ISO 8601, in UTC.
        Maps, structs and lists are JSON. Can be called once only. Raises CollectionFailed where the file is torn.
        """


def open_tables(file: PinnedFile, store: ObjectStore, shelf: Shelf) -> list[Table]:
    """The tables of a file: one; of a zip archive one for each file in it. Its head is read now, the rest later.

    What was fetched for the head waits on ``shelf`` until the rest is read, so no byte of a file is fetched twice.
    """
    name = f"{store.url}/{file.entry.key}"
    once = Once(store, file.entry, shelf)
    if file.format == "parquet":
        return [ParquetTable(name, once.looking, once.reading)]
    if file.compression == "zip":
        return list(_zipped(name, once))
    if not file.entry.size:
        return [CsvTable(name, lambda: iter(()), lambda: iter(()))]
    unpack = lambda opened: pieces(opened, file.compression, name)  # noqa: E731 - it is handed on, not called here
    kind = JsonLinesTable if file.format == "jsonl" else CsvTable
    return [kind(name, of_file(once.looking, unpack), of_file(once.reading, unpack))]


def _zipped(name: str, once: Once) -> Iterator[Table]:
    try:
        with once.looking() as opened, zipfile.ZipFile(opened) as archive:
            members = [one.filename for one in archive.infolist() if not one.is_dir()]
            _check_count(opened, archive)
    except CollectionError:
        raise
    except Exception as error:  # noqa: BLE001 - zipfile has no bound of what it raises of an archive that is torn
        raise torn(name, str(error)) from None
    if len(members) > _MOST_MEMBERS:
        raise torn(name, f"it has {len(members)} files in it: at most {_MOST_MEMBERS} are one bill")
    if len(set(members)) < len(members):
        raise torn(name, "two files in it have the same name: only one of them could be read")
    once.readings = len(members)
    for member in members:
        of = f"{name}/{member}"
        yield CsvTable(of, _member(name, member, once.looking), _member(name, member, once.reading))


def _member(name: str, member: str, source: Opened) -> Callable[[], Iterator[bytes]]:
    def begin() -> Iterator[bytes]:
        try:
            with source() as opened, zipfile.ZipFile(opened) as archive, archive.open(member) as unpacked:
                yield from read_pieces(cast("BinaryIO", unpacked))
        except CollectionError:
            raise
        except Exception as error:  # noqa: BLE001 - the same
            raise torn(name, str(error)) from None

    return begin


def _check_count(opened: BinaryIO, archive: zipfile.ZipFile) -> None:
    """BadZipFile where the directory has other files than its end says: one of them may have been passed over."""
    opened.seek(-_END_OF_ZIP - len(archive.comment), 2)
    (count,) = struct.unpack("<10xH10x", opened.read(_END_OF_ZIP))
    if count not in {len(archive.infolist()), _VERY_MANY}:
        raise zipfile.BadZipFile(f"it has {len(archive.infolist())} files in it, and says {count}")


def table_of_rows(name: str, columns: Sequence[str], rows: Callable[[], Iterable[Sequence[str | None]]]) -> Table:
    """A table of what an API answers: ``rows`` is called once, and each row has a text or None for each column."""
    return _RowsTable(name, unique(columns), rows)


class _RowsTable:
    def __init__(self, name: str, columns: tuple[str, ...], rows: Callable[[], Iterable[Sequence[str | None]]]) -> None:
        self.name = name
        self.columns = columns
        self.rows = 0
        self._rows = rows

    def batches(self, wanted: Sequence[int]) -> Iterator[pa.RecordBatch]:
        arrow = need("pyarrow")
        places = list(wanted) or [0]
        remaining = iter(self._rows())
        while some := list(islice(remaining, _ROWS)):
            self.rows += len(some)
            texts = [arrow.array([row[place] for row in some], arrow.string()) for place in places]
            yield arrow.RecordBatch.from_arrays(texts, [f"c{place}" for place in places])
