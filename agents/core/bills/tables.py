"""Tables of text: whatever a file is, its rows come as bounded batches whose columns are all text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

from agents.core.bills.pinned import PinnedFile
from agents.core.bills.stores import ObjectStore

if TYPE_CHECKING:
    import pyarrow as pa


class Table(Protocol):
    """The rows of one file, or of one answer."""

    @property
    def name(self) -> str:
        """For messages: the key of the file."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The names as they stand there, in their order; no two are the same."""

    def batches(self, wanted: Sequence[int]) -> Iterator[pa.RecordBatch]:
        """The rows, of the columns at these places, each as text (null: nothing stands there).

        Numbers are digits that mean exactly what was told; of a float its shortest decimal. Times are ISO 8601, in UTC.
        Maps, structs and lists are JSON. Can be called once only. Raises CollectionFailed where the file is torn.
        """

    @property
    def rows(self) -> int:
        """Rows read so far, before any is left out."""


def open_tables(file: PinnedFile, store: ObjectStore) -> list[Table]:
    """The tables of a file: one; of a zip archive one for each file in it. Its head is read now, the rest later."""
    raise NotImplementedError


def table_of_rows(name: str, columns: Sequence[str], rows: Callable[[], Iterable[Sequence[str | None]]]) -> Table:
    """A table of what an API answers: ``rows`` is called once, and each row has a text or None for each column."""
    raise NotImplementedError
