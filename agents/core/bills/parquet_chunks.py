"""Where the columns of a Parquet file are, by its footer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO

from agents.core.bills.compact import BadPage
from agents.core.bills.libraries import need
from agents.core.bills.once import peek
from agents.core.bills.pages import SLOWLY, Chunk, longest_text
from agents.core.bills.parquet_footer import Group

if TYPE_CHECKING:
    import pyarrow as pa

_LONGEST_FIXED = 1024
"""Bytes of a value of a column whose values are all of one length: as many as rows of a batch stand side by side."""
_LONGEST_PART = 256 * 1024
"""Bytes of a text in a map or a list."""
_TOGETHER = 64 * 1024 * 1024
"""Bytes of the texts of such a column in rows that are read together."""
_TEXTS = frozenset({"NONE", "STRING", "JSON", "ENUM", "BSON"})


def chunks_of(file: Any, groups: Sequence[Group], wanted: Sequence[int]) -> list[Chunk]:
    """The bytes of these columns; BadPage where the footer cannot be true. A column that has parts has several."""
    leaves = [_leaves(field.type) for field in file.schema_arrow]
    if any(len(group.columns) != sum(leaves) for group in groups) or sum(leaves) != len(file.schema):
        raise BadPage("it has other columns than its footer says")
    columns = [sum(leaves[:place]) + part for place in wanted for part in range(leaves[place])]
    for column in map(file.schema.column, columns):
        if column.physical_type == "FIXED_LEN_BYTE_ARRAY" and column.length > _LONGEST_FIXED:
            raise BadPage(
                f"{column.path[:100]}: each value has {column.length} bytes: at most {_LONGEST_FIXED} are read"
            )
    nested = {column: file.schema.column(column).max_repetition_level > 0 for column in columns}
    return [
        Chunk(told.start, told.end, number, column, nested=has_parts, rows=group.rows, told=told)
        for number, group in enumerate(groups)
        if group.rows
        for column, has_parts in nested.items()
        for told in (group.columns[column],)
    ]


def rows_at_once(opened: BinaryIO, chunks: Iterable[Chunk], most: int) -> int:
    """How many rows of a row group are read together, so that their texts take no more memory than they may.

    A column that has parts cannot be read as a dictionary, so that the longest text in it may be that of each part.
    """
    for one in chunks:
        if one.told.has_differences:
            most = min(most, SLOWLY)
        if one.nested and one.told.texts:
            longest = longest_text(partial(peek, opened), one, one.told.codec)
            if longest > _LONGEST_PART:
                raise BadPage(f"a part of a map or a list has {longest} bytes: at most {_LONGEST_PART} are read")
            parts = -(-one.told.values // max(1, one.rows))
            most = min(most, max(1, _TOGETHER // max(1, longest * parts)))
    return most


def dictionaries_of(file: Any, chunks: Iterable[Chunk]) -> list[str]:
    """The paths of columns of text of which some values stand in a dictionary: that is how they are read."""
    columns = {one.column for one in chunks if one.told.has_dictionary and one.told.texts and not one.nested}
    found = map(file.schema.column, sorted(columns))
    return [column.path for column in found if column.logical_type.type in _TEXTS]


def _leaves(kind: pa.DataType) -> int:
    """Columns of the file that a column is kept in: one for each of its parts."""
    if isinstance(kind, need("pyarrow").BaseExtensionType):
        return _leaves(kind.storage_type)
    if need("pyarrow").types.is_nested(kind):
        return sum(_leaves(kind.field(place).type) for place in range(kind.num_fields))
    return 1
