"""Where the columns of a Parquet file are, by its footer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from agents.core.bills.libraries import need
from agents.core.bills.pages import BadPage, Chunk

if TYPE_CHECKING:
    import pyarrow as pa

_LONGEST_FIXED = 1024
"""Bytes of a value of a column whose values are all of one length: as many as rows of a batch stand side by side."""
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
            slowly = "DELTA_BYTE_ARRAY" in told.encodings
            yield Chunk(start, end, number, column, nested=has_parts, rows=group.num_rows, slowly=slowly)


def dictionaries_of(file: Any, chunks: Iterable[Chunk]) -> list[str]:
    """The paths of columns of text of which some values stand in a dictionary: that is how they are read."""
    found: dict[str, None] = {}
    for one in chunks:
        column = file.schema.column(one.column)
        if column.path in found or column.physical_type != "BYTE_ARRAY" or column.logical_type.type not in _TEXTS:
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
