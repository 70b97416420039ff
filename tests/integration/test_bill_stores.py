"""Object stores: a real S3 protocol by moto, and folders."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from moto.s3.models import s3_backends

from agents.core.bills.focus import focus_layout
from agents.core.bills.pinned import Pinned, PinnedFile
from agents.core.bills.proving import Unproven, read_delivery
from agents.core.bills.ranges import BLOCK, HEAD
from agents.core.bills.stores import AccountKey, Changed, Keys, Missing, ObjectStore, Token, open_store
from agents.core.context import Context
from emulators.aws import LocalAws
from emulators.aws.server import DEFAULT_ACCOUNT
from telemetry.costs import CostLine
from telemetry.errors import CollectionFailed, DeadlineReached, Denied, Unavailable
from tests.support.bills import MAY, context, focus
from tests.support.ec2 import standing_aws
from tests.support.local_aws import aws_client
from tests.support.waiting import until

_BUCKET = "bills"
_IMPORTS = """
import sys
for name in ("asyncssh", "duckdb", "obstore", "pyarrow"):
    sys.modules[name] = None
import agents.core.bills.proving, agents.core.bills.focus, agents.core.bills.stores, workers.cli
"""
_SECRET = "canary/secret/of/the/store"


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    with standing_aws() as running:
        aws_client(running, "s3").create_bucket(Bucket=_BUCKET)
        yield running


def _keys() -> Keys:
    return Keys("AKIALOCALAWS", _SECRET)


def _store(aws: LocalAws, where: Context, prefix: str = "p", **options: Any) -> ObjectStore:
    return open_store(f"s3://{_BUCKET}/{prefix}", where, endpoint=aws.url, **{"credentials": _keys, **options})


def _put(aws: LocalAws, key: str, body: bytes) -> None:
    aws_client(aws, "s3").put_object(Bucket=_BUCKET, Key=key, Body=body)


def test_a_listing_comes_by_pages_and_each_is_counted(aws: LocalAws) -> None:
    backend = s3_backends[DEFAULT_ACCOUNT]["aws"]
    for number in range(1050):
        backend.put_object(_BUCKET, f"many/{number:04}", b"x")
    where = context()
    found = list(_store(aws, where).list("many"))
    assert sorted(entry.key for entry in found) == [f"many/{number:04}" for number in range(1050)]
    assert {(entry.size, bool(entry.etag), bool(entry.modified)) for entry in found} == {(1, True, True)}
    assert {use.api: use.calls for use in where.meter.report()} == {"s3:ListObjectsV2": 2}


@pytest.mark.parametrize("kind", ["s3", "file"])
def test_a_file_by_ranges(aws: LocalAws, tmp_path: Path, kind: str) -> None:
    body = bytes(range(256)) * ((2 * BLOCK + HEAD) // 256 + 1)
    where = context()
    if kind == "s3":
        _put(aws, "p/big file=1+2.bin", body)
        store = _store(aws, where)
    else:
        (tmp_path / "p").mkdir()
        (tmp_path / "p" / "big file=1+2.bin").write_bytes(body)
        store = open_store(f"file://{tmp_path}", where)
    (entry,) = [one for one in store.list("p") if "big" in one.key]
    with store.open(entry) as file:
        assert file.read() == body
        assert file.read(1) == b""
        for place, length in ((len(body) - 10, 100), (0, 3), (BLOCK - 1, 2), (HEAD, HEAD)):
            file.seek(place)
            assert file.read(length) == body[place : place + length]
        file.seek(-4, 2)
        assert (file.tell(), file.read()) == (len(body) - 4, body[-4:])
    assert store.read(entry.key) == (body, store.head(entry.key))


@pytest.mark.parametrize("kind", ["s3", "file"])
def test_a_file_that_is_replaced_while_it_is_read(aws: LocalAws, tmp_path: Path, kind: str) -> None:
    def put(body: bytes) -> None:
        if kind == "s3":
            _put(aws, "replaced/a.csv", body)
        else:
            (tmp_path / "replaced").mkdir(exist_ok=True)
            (tmp_path / "replaced" / "a.csv").write_bytes(body)

    put(b"a" * 1_000_000)
    store = _store(aws, context()) if kind == "s3" else open_store(f"file://{tmp_path}", context())
    (entry,) = store.list("replaced")
    with store.open(entry) as file:
        assert file.read(10) == b"a" * 10
        put(b"b" * 1_000_000)
        with pytest.raises(Changed, match="replaced while it was read") as found:
            file.read()
    assert found.value.transient


def test_no_line_of_a_delivery_comes_before_its_last_byte_was_there(aws: LocalAws) -> None:
    for name in ("1", "2"):
        _put(aws, f"two/{name}.csv", focus({"ResourceId": name}))
    where = context()
    store = _store(aws, where)
    files = tuple(PinnedFile(entry=entry, format="csv") for entry in sorted(store.list("two"), key=lambda one: one.key))
    pinned = Pinned(version="1", files=files, rows=2, bytes=sum(file.entry.size for file in files))
    *lines, read = read_delivery(where, store, pinned, focus_layout, MAY)
    assert len(lines) == 2
    assert not isinstance(read, CostLine)
    assert (read.rows_read, read.bytes_read, [file.name for file in read.files]) == (
        2,
        pinned.bytes,
        ["two/1.csv", "two/2.csv"],
    )

    _put(aws, "two/2.csv", focus({"ResourceId": "3"}))
    with pytest.raises(Changed):
        next(read_delivery(where, store, pinned, focus_layout, MAY))
    aws_client(aws, "s3").delete_object(Bucket=_BUCKET, Key="two/2.csv")
    with pytest.raises(Missing, match=r"s3://bills/two/2\.csv: there is no such file"):
        next(read_delivery(where, store, pinned, focus_layout, MAY))


def test_other_sizes_than_promised_are_said_before_anything_is_read(aws: LocalAws) -> None:
    _put(aws, "sizes/1.csv", focus({}))
    where = context()
    store = _store(aws, where)
    (entry,) = store.list("sizes")
    file = PinnedFile(entry=entry, format="csv", bytes=entry.size + 1)
    for pinned in (Pinned(version="1", files=(file,)), Pinned(version="1", files=(), bytes=1)):
        with pytest.raises(Unproven, match="that were promised"):
            next(read_delivery(where, store, pinned, focus_layout, MAY))
    with pytest.raises(CollectionFailed, match="names a file twice"):
        next(read_delivery(where, store, Pinned(version="1", files=(file, file)), focus_layout, MAY))
    assert [use.api for use in where.meter.report()] == ["s3:ListObjectsV2"]


def test_what_is_not_there(aws: LocalAws) -> None:
    store = _store(aws, context())
    assert list(store.list("nothing/here")) == []
    with pytest.raises(Missing):
        store.read("nothing/here")
    with pytest.raises(Missing, match="no such bucket"):
        list(open_store("s3://no-such-bucket", context(), credentials=_keys, endpoint=aws.url).list(""))


def test_credentials_are_asked_for_again_when_they_expire(aws: LocalAws) -> None:
    _put(aws, "p/small", b"x")
    asked = []

    def credentials() -> Keys:
        asked.append(1)
        return Keys("AKIALOCALAWS", _SECRET, "a-session", datetime.now(UTC) + timedelta(seconds=1))

    store = _store(aws, context(), credentials=credentials)

    def renewed() -> bool:
        store.read("p/small")
        return len(asked) > 1

    until(renewed, what="credentials that have expired are asked for again")


def test_an_error_of_the_credentials_is_told_as_it_is(aws: LocalAws) -> None:
    def denied() -> Keys:
        raise Denied("the role is not there", "sts:AssumeRole")

    with pytest.raises(Denied, match="the role is not there") as found:
        _store(aws, context(), credentials=denied).read("p/small")
    assert found.value.permission == "sts:AssumeRole"
    with pytest.raises(CollectionFailed, match="Token are no credentials of this store"):
        _store(aws, context(), credentials=lambda: Token("t")).read("p/small")


def test_no_secret_is_in_any_error_or_text(aws: LocalAws) -> None:
    store = _store(aws, context())
    with pytest.raises(Missing) as found:
        store.read("nothing")
    assert _SECRET not in f"{found.value!r}{store!r}{_keys()!r}{AccountKey(_SECRET)!r}"
    with pytest.raises(Unavailable) as away:
        open_store("s3://bills", context(), credentials=_keys, endpoint="http://127.0.0.1:1").head("x")
    assert _SECRET not in str(away.value)


def test_nothing_is_asked_past_the_deadline(aws: LocalAws) -> None:
    with pytest.raises(DeadlineReached):
        _store(aws, context(seconds=-1)).read("p/small")


@pytest.mark.parametrize(
    ("url", "options", "said"),
    [
        ("ftp://host/x", {}, "must be s3://bucket/prefix"),
        ("s3://", {}, "must be s3://bucket/prefix"),
        ("https://account.blob.core.windows.net", {}, "must be s3://bucket/prefix"),
        ("s3://key:secret@bucket/x", {}, "may hold no credentials"),
        ("sftp://user:secret@host/x", {}, "may hold no credentials"),
        ("sftp://host/x", {}, "must be s3://bucket/prefix.*sftp://user@host/folder"),
        ("sftp://user@host:port/x", {}, "must be s3://bucket/prefix"),
        ("https://a.blob.core.windows.net/c/x?sig=abc", {}, "may hold no credentials"),
        ("s3://bucket", {"endpoint": "http://192.0.2.1:9000"}, "must begin with https://"),
        ("s3://bucket", {"endpoint": "nonsense"}, "must be an address"),
        ("http://192.0.2.1:10000/account/container", {}, "must begin with https://"),
        ("file:///no/such/folder", {}, "there is no such folder"),
        ("s3://bucket", {"ca_file": "/no/such/file"}, "ca_file: /no/such/file"),
    ],
)
def test_what_cannot_be_a_store_is_said(url: str, options: dict[str, Any], said: str) -> None:
    with pytest.raises(CollectionFailed, match=said) as found:
        open_store(url, context(), credentials=_keys, **options)
    assert "secret" not in str(found.value)
    assert "sig" not in str(found.value)


@pytest.mark.parametrize(
    ("url", "where", "prefix"),
    [
        ("https://acct.blob.core.windows.net/container/root/export", "blob://acct/container", "root/export"),
        ("https://acct.dfs.core.windows.net/container", "blob://acct/container", ""),
        ("http://127.0.0.1:10000/acct/container/root", "blob://acct/container", "root"),
        ("gs://bucket/a/b/", "gs://bucket", "a/b"),
        ("s3://bucket//a/", "s3://bucket", "a"),
    ],
)
def test_each_kind_of_store_is_opened_without_a_request(url: str, where: str, prefix: str) -> None:
    store = open_store(url, context(), credentials=lambda: Token("t"))
    assert (store.url, store.prefix) == (where, prefix)


def test_everything_imports_without_the_extra() -> None:
    done = subprocess.run([sys.executable, "-c", _IMPORTS], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
