"""What a store serves for a bill: each byte of a file at most once, in few requests, and a manifest once."""

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import timedelta
from functools import cache
from io import BytesIO

import pyarrow as pa
import pytest
from pyarrow import parquet

from agents.aws.bills.bucket import Bucket
from agents.aws.settings import BillExport
from agents.core.bills.focus import focus_layout
from agents.core.bills.pieces import Shelf
from agents.core.bills.pinned import Pinned, PinnedFile, file_kind
from agents.core.bills.proving import read_delivery
from agents.core.bills.ranges import HEAD
from agents.core.bills.requests import reads_of
from agents.core.bills.stores import Keys, ObjectStore, open_store
from agents.core.bills.tables import open_tables
from agents.core.context import Context
from emulators.aws import LocalAws
from emulators.aws.deliveries import Deliveries
from telemetry.deliveries import DeliveredFile
from tests.support.aws_bills import (
    LOOK,
    LOOKING,
    NOVEMBER,
    READING,
    WRITTEN,
    chunk,
    deliver,
    line,
    shared_with_bills,
)
from tests.support.bills import BASE, MAY, PACKED, context, focus, zipped
from tests.support.collecting import collect
from tests.support.ec2 import standing_aws
from tests.support.local_aws import aws_client

_BUCKET = "bytes"
_RANDOM = random.Random(1)


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    with standing_aws() as running:
        aws_client(running, "s3").create_bucket(Bucket=_BUCKET)
        yield running


@pytest.fixture
def counted(aws: LocalAws) -> LocalAws:
    aws.log.reset()
    return aws


def _served(aws: LocalAws, of: str) -> list[int]:
    """The bytes of each GetObject of what is called so."""
    return [one.size for one in aws.log.records() if one.api == "s3.GetObject" and of in one.resource]


def _rows(count: int, length: int) -> list[dict[str, str]]:
    """Rows that cannot be packed."""
    return [{"x_Noise": _RANDOM.randbytes(length // 2).hex(), "ResourceId": str(number)} for number in range(count)]


def _parquet(count: int, length: int) -> bytes:
    """In several row groups, with a column that nobody reads among those that are read."""
    rows = [{**BASE, "x_LineItemId": _RANDOM.randbytes(40).hex(), **row} for row in _rows(count, length)]
    columns = {name: pa.array([row[name] for row in rows]) for name in rows[0]}
    parts = pa.array([[("team", "a")]] * count, pa.map_(pa.string(), pa.string()))
    sink = BytesIO()
    table = pa.table({**columns, "Tags": parts})
    parquet.write_table(table, sink, row_group_size=max(1, count // 3), compression="snappy", data_page_size=5000)
    return sink.getvalue()


def _several(count: int, length: int) -> bytes:
    """An archive of several files."""
    return zipped(one=focus(*_rows(count // 3, length)), two=focus(*_rows(count - count // 3, length)))


_FORMS: Mapping[str, Callable[[int, int], bytes]] = {
    **{ending: lambda count, length, pack=pack: pack(focus(*_rows(count, length))) for ending, pack in PACKED.items()},  # type: ignore[misc] # mypy cannot infer a default
    "zip": _several,
    "parquet": _parquet,
}
_SIZES = {"small": (20, 100), "of a head and more": (100, 4000), "of blocks": (150, 60_000)}


@cache
def _body(ending: str, size: str) -> bytes:
    return _FORMS[ending](*_SIZES[size])


@pytest.mark.parametrize("ending", _FORMS)
@pytest.mark.parametrize(
    ("kind", "size"),
    [("obstore", "small"), ("boto3", "small"), ("obstore", "of a head and more"), ("obstore", "of blocks")],
)
def test_no_byte_of_a_file_is_served_twice(counted: LocalAws, kind: str, ending: str, size: str) -> None:
    count, body = _SIZES[size][0], _body(ending, size)
    key = f"{kind}/{size}/{ending}/bill.{ending}"
    aws_client(counted, "s3").put_object(Bucket=_BUCKET, Key=key, Body=body)
    where = context()
    store = _store(counted, kind, where)
    form, compression = file_kind(key)
    file = PinnedFile(entry=store.head(key), format=form, compression=compression, rows=count)

    *lines, _ = read_delivery(where, store, Pinned(version="1", files=(file,)), focus_layout, MAY)

    assert len(lines) == count
    served = _served(counted, key)
    assert sum(served) <= len(body)
    planned = reads_of([DeliveredFile(name=key, size=len(body))])
    if ending == "parquet":
        assert len(served) >= planned
    elif "zip" in ending and len(body) > HEAD:
        assert planned <= len(served) <= planned + 5, "its directory, and heads of the files in it"
    else:
        assert len(served) == planned


def _store(aws: LocalAws, kind: str, where: Context) -> ObjectStore:
    if kind == "obstore":
        return open_store(f"s3://{_BUCKET}", where, credentials=lambda: Keys("AKIALOCALAWS", "x"), endpoint=aws.url)
    shared = shared_with_bills(aws)
    account = shared.settings.provider("aws").accounts_of("aws")[0]  # type: ignore[union-attr] # it is there
    own = Context(shared, account, where.meter, where.deadline)
    return Bucket(own, BillExport(name="x", url=f"s3://{_BUCKET}/x"), "us-east-1")


def test_heads_of_very_many_files_do_not_stay_in_memory(counted: LocalAws) -> None:
    for number in range(5):
        key = f"many/{number}.csv"
        aws_client(counted, "s3").put_object(Bucket=_BUCKET, Key=key, Body=focus(*_rows(10, 100_000)))
    where = context()
    store = _store(counted, "obstore", where)
    files = [PinnedFile(entry=entry, format="csv") for entry in store.list("many")]
    with closing(Shelf(in_memory=2 * HEAD)) as shelf:
        tables = [table for file in files for table in open_tables(file, store, shelf)]
        read = [sum(batch.num_rows for batch in table.batches([0])) for table in tables]
    assert read == [10] * 5
    for entry in store.list("many"):
        assert sum(_served(counted, entry.key)) == entry.size


def test_a_delivery_of_aws_is_served_once_and_its_manifest_too(counted: LocalAws) -> None:
    rows = [line("1", line_item_line_item_description=_RANDOM.randbytes(1000).hex()) for _ in range(100)]
    chunks = [chunk(*rows), chunk(line("2"))]
    deliver(*chunks)
    deliver(chunk(line("3")), month="2026-10", at=WRITTEN - timedelta(days=1))
    Deliveries().put("exports/cur/metadata/BILLING_PERIOD=2026-09/cur-Manifest.json", b"{}", WRITTEN)
    shared = shared_with_bills(counted)
    for _ in range(2):
        assert collect(shared, LOOKING, LOOK).error is None
    assert len(_served(counted, "Manifest.json")) == 3, "one that is none is not read again either"
    assert not _served(counted, "/data/")
    assert collect(shared, READING, NOVEMBER).error is None
    assert len(_served(counted, "Manifest.json")) == 3
    assert sum(_served(counted, "/data/")) == sum(map(len, chunks))
