"""What unpacks to very much is refused before anybody unpacks it, and what is only long is read in parts."""

import io
import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from agents.core.bills import pages, parquet_table
from telemetry.errors import CollectionFailed
from tests.support.bills import BASE, as_parquet, read

_CHILD = """
import json, resource, sys
from pathlib import Path
from tests.support.bills import focus, read
from telemetry.errors import CollectionFailed

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

folder = Path(sys.argv[1])
read(folder, {"warm.csv": focus({})})
before, said = peak(), []
for bomb in sorted(folder.glob("*.parquet")):
    try:
        read(folder, {bomb.name: bomb.read_bytes()})
    except CollectionFailed as error:
        said.append(str(error))
print(json.dumps({"more": peak() - before, "said": said}))
"""
_ROWS = 50_000


def _repeated(text: str, rows: int) -> pa.Array:
    """One text in each row, which is there once."""
    return pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array([text]))


def _written(columns: dict[str, pa.Array], **options: object) -> bytes:
    rows = len(next(iter(columns.values())))
    base = {name: _repeated(value, rows) for name, value in BASE.items()}
    out = io.BytesIO()
    parquet.write_table(pa.table({**base, **columns}), out, **options)
    return out.getvalue()


def test_a_long_text_in_each_of_many_rows_takes_no_memory(tmp_path: Path) -> None:
    long = "x" * 1_000_000
    plain = {"ServiceName": _repeated(long, _ROWS)}
    keys, values = pa.array(["k"] * _ROWS), _repeated(long, _ROWS)
    nested = {"Tags": pa.MapArray.from_arrays(pa.array(range(_ROWS + 1), pa.int32()), keys, values)}
    for name, columns in (("1", plain), ("2", nested)):
        body = _written(columns)
        assert len(body) < 2_000_000
        (tmp_path / f"{name}.parquet").write_bytes(body)
    done = subprocess.run([sys.executable, "-c", _CHILD, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    said = ("16384 rows are 163840", "a part of a map or a list has 1000000 bytes")
    assert len(found["said"]) == 2
    assert all(one in text for one, text in zip(said, found["said"], strict=True)), found
    assert found["more"] < 150_000, "kilobytes"


@pytest.mark.parametrize(
    ("limit", "most", "said"),
    [
        ("MOST_AT_ONCE", 5000, "its pages unpack to"),
        ("MOST_PARTS", 1000, "a column has [0-9]+ values or more"),
        ("MOST_PAGES", 3, "a column has more than 3 pages"),
    ],
)
def test_pages_of_more_than_can_be_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, most: int, said: str
) -> None:
    rows = [{**BASE, "Tags": [{"key": f"{row}", "value": "v" * 50}] * 20} for row in range(1000)]
    body = as_parquet(rows, data_page_size=2000)
    assert read(tmp_path, {"a.parquet": body}).delivery.rows_read == 1000
    monkeypatch.setattr(pages, limit, most)
    with pytest.raises(CollectionFailed, match=rf"/a\.parquet: the file is torn.*: {said}"):
        read(tmp_path, {"a.parquet": body})


def test_texts_that_are_told_by_their_differences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"service number {row}" for row in range(1000)]
    columns = {"ServiceName": pa.array(names)}
    encodings = {"ServiceName": "DELTA_BYTE_ARRAY"}
    body = _written(columns, use_dictionary=list(BASE), column_encoding=encodings)
    found = read(tmp_path, {"a.parquet": body})
    assert sorted(line.service_name for line in found.lines) == sorted(names)
    monkeypatch.setattr(pages, "_OF_DIFFERENCES", 1000)
    with pytest.raises(CollectionFailed, match="a page of differences has more than 1000 bytes"):
        read(tmp_path, {"a.parquet": body})


def test_values_of_one_length_that_are_very_long_are_refused(tmp_path: Path) -> None:
    body = _written({"x_Blob": pa.array([b"x" * 2000], pa.binary(2000))})
    with pytest.raises(CollectionFailed, match="x_Blob: each value has 2000 bytes"):
        read(tmp_path, {"a.parquet": body})


def test_a_footer_that_says_it_is_very_long_is_not_read(tmp_path: Path) -> None:
    body = as_parquet([BASE])
    with pytest.raises(CollectionFailed, match="its footer has 4000000000 bytes"):
        read(tmp_path, {"a.parquet": body[:-8] + (4_000_000_000).to_bytes(4, "little") + b"PAR1"})


def test_a_batch_of_long_texts_is_read_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_table, "_AT_ONCE", 1_000_000)
    rows = 5000
    body = _written({"ServiceName": _repeated("x" * 3000, rows), "ResourceId": pa.array(map(str, range(rows)))})
    found = read(tmp_path, {"a.parquet": body})
    assert (len(found.lines), found.delivery.rows_read, found.delivery.totals) == (rows, rows, {"USD": Decimal(rows)})


@pytest.mark.parametrize(
    "column",
    [
        pa.array([b"\xff\xfe"]),
        pa.array([b"\xff\xfe"], pa.binary(2)),
        pa.array([{"a": b"\xff"}]),
        pa.array([b"0123456789abcdef"], pa.uuid()),
        pa.array(["{}"], pa.json_()),
        pa.array([5], pa.duration("s")),
        pa.array([1.5], pa.float16()),
    ],
    ids=lambda column: str(column.type),
)
def test_a_further_column_of_an_odd_type_is_kept(tmp_path: Path, column: pa.Array) -> None:
    (line,) = read(tmp_path, {"a.parquet": _written({"x_Odd": column})}).lines
    assert line.details["x_Odd"]


def test_text_that_is_none_is_an_error_of_its_file(tmp_path: Path) -> None:
    odd = pa.Array.from_buffers(pa.string(), 1, pa.array([b"\xff\xfe"]).buffers())
    with pytest.raises(CollectionFailed, match=r"/a\.parquet: the file is torn"):
        read(tmp_path, {"a.parquet": _written({"x_Odd": odd})})
