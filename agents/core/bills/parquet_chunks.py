"""Where the columns of a Parquet file are, by its footer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO

from agents.core.bills.libraries import need
from agents.core.bills.once import peek
from agents.core.bills.pages import SLOWLY, BadPage, Chunk, longest_text

if TYPE_CHECKING:
    import pyarrow as pa

_LONGEST_FIXED = 1024
"""Bytes of a value of a column whose values are all of one length: as many as rows of a batch stand side by side."""
_LONGEST_PART = 256 * 1024
"""Bytes of a text in a map or a list."""
_TOGETHER = 64 * 1024 * 1024
"""Bytes of the texts of such a column in rows that are read together."""
_TEXTS = frozenset({"NONE", "STRING", "JSON", "ENUM", "BSON"})


def chunks_of(file: Any, wanted: Sequence[int]) -> list[Chunk]:
    """The bytes of these columns; BadPage where the footer cannot be true. A column that has parts has several."""
    metadata, leaves = file.metadata, [_leaves(field.type) for field in file.schema_arrow]
    if sum(leaves) != metadata.num_columns:
        raise BadPage("it has other columns than its footer says")
    columns = [sum(leaves[:place]) + part for place in wanted for part in range(leaves[place])]
    for column in map(file.schema.column, columns):
        if column.physical_type == "FIXED_LEN_BYTE_ARRAY" and column.length > _LONGEST_FIXED:
            raise BadPage(
                f"{column.path[:100]}: each value has {column.length} bytes: at most {_LONGEST_FIXED} are read"
            )
    return list(_chunks(file, columns))


def _chunks(file: Any, columns: Iterable[int]) -> Iterator[Chunk]:
    nested = {column: file.schema.column(column).max_repetition_level > 0 for column in columns}
    for number in range(file.metadata.num_row_groups):
        group = file.metadata.row_group(number)
        if not group.num_rows:
            continue
        for column, has_parts in nested.items():
            told = group.column(column)
            start = min(one for one in (told.dictionary_page_offset, told.data_page_offset) if one is not None)
            end = start + told.total_compressed_size
            if start < 0 or end < start:
                raise BadPage("a column is where no bytes are")
            yield Chunk(
                start,
                end,
                number,
                column,
                nested=has_parts,
                rows=group.num_rows,
                values=told.num_values,
                texts=told.physical_type == "BYTE_ARRAY",
                slowly="DELTA_BYTE_ARRAY" in told.encodings,
            )


def rows_at_once(file: Any, opened: BinaryIO, chunks: Iterable[Chunk], most: int) -> int:
    """How many rows of a row group are read together, so that their texts take no more memory than they may.

    A column that has parts cannot be read as a dictionary, so that the longest text in it may be that of each part.
    """
    for one in chunks:
        if one.slowly:
            most = min(most, SLOWLY)
        if one.nested and one.texts:
            codec = file.metadata.row_group(one.group).column(one.column).compression
            longest = longest_text(partial(peek, opened), one, codec)
            if longest > _LONGEST_PART:
                raise BadPage(f"a part of a map or a list has {longest} bytes: at most {_LONGEST_PART} are read")
            parts = -(-one.values // max(1, one.rows))
            most = min(most, max(1, _TOGETHER // max(1, longest * parts)))
    return most


def dictionaries_of(file: Any, chunks: Iterable[Chunk]) -> list[str]:
    """The paths of columns of text of which some values stand in a dictionary: that is how they are read."""
    found: dict[str, None] = {}
    for one in chunks:
        column = file.schema.column(one.column)
        if (
            one.nested
            or column.path in found
            or column.physical_type != "BYTE_ARRAY"
            or column.logical_type.type not in _TEXTS
        ):
            continue
        if any("DICTIONARY" in name for name in file.metadata.row_group(one.group).column(one.column).encodings):
            found[column.path] = None
    return list(found)


def _leaves(kind: pa.DataType) -> int:
    """Columns of the file that a column is kept in: one for each of its parts."""
    if isinstance(kind, need("pyarrow").BaseExtensionType):
        return _leaves(kind.storage_type)
    if need("pyarrow").types.is_nested(kind):
        return sum(_leaves(kind.field(place).type) for place in range(kind.num_fields))
    return 1
