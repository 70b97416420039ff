"""The bucket of an export as an object store, by boto3: with the account's credentials, quotas and refusals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from functools import partial
from types import MappingProxyType
from typing import Any, BinaryIO, cast

from agents.aws.calls import AwsCalls
from agents.aws.settings import RecommendationExport
from agents.core.bills.entry import Entry
from agents.core.bills.ranges import RangeFile
from agents.core.bills.store_kinds import AWS
from agents.core.bills.stores import MAX_MANIFEST, Changed, Missing
from agents.core.context import Context
from agents.core.errors import Gone
from telemetry.errors import CollectionFailed, Unavailable

LIST, GET = "s3:ListBucket", "s3:GetObject"
"""The permissions of everything here: a head is a GetObject of nothing, and a listing is of one folder."""
PRICES: Mapping[str, Decimal] = MappingProxyType(
    {"s3:ListObjectsV2": AWS.list, "s3:GetObject": AWS.read, "s3:HeadObject": AWS.read}
)
_PAGE = 1000
_REPLACED = ("PreconditionFailed", "InvalidRange")


class Bucket:
    """One bucket, read with the credentials of one account. See agents.core.bills.stores.ObjectStore."""

    def __init__(self, context: Context, export: RecommendationExport, region: str) -> None:
        self._calls = AwsCalls(context, export.region or region)
        self._name = export.bucket
        self.url = f"s3://{export.bucket}"
        self.prefix = export.folder

    def list(self, prefix: str, *, after: str = "") -> Iterator[Entry]:
        """The files in the folder ``prefix``, in the order of their keys, from behind ``after`` on."""
        folder = f"{prefix.rstrip('/')}/" if prefix else ""
        more = {"StartAfter": after} if after else {}
        for page in self._pages(Prefix=folder, **more):
            for item in page.get("Contents") or ():
                yield _entry(item.get("Key"), item.get("Size"), item)

    def folders(self, prefix: str) -> Iterator[str]:
        """The names of the folders in a folder, by listings that name no file in them."""
        folder = f"{prefix.rstrip('/')}/"
        for page in self._pages(Prefix=folder, Delimiter="/"):
            for item in page.get("CommonPrefixes") or ():
                yield str(item.get("Prefix")).removeprefix(folder).rstrip("/")

    def head(self, key: str) -> Entry:
        """The file as it is now; Missing where there is none."""
        try:
            head = self._calls.call("s3", "HeadObject", Bucket=self._name, Key=key)
        except Gone:
            raise Missing(f"s3://{self._name}/{key}: there is no such file") from None
        return _entry(key, head.get("ContentLength"), head)

    def read(self, key: str) -> tuple[bytes, Entry]:
        """A small file at once, and what it was."""
        try:
            answer = self._calls.call("s3", "GetObject", Bucket=self._name, Key=key)
        except Gone:
            raise Missing(f"s3://{self._name}/{key}: there is no such file") from None
        entry = _entry(key, answer.get("ContentLength"), answer)
        if entry.size > MAX_MANIFEST:
            answer["Body"].close()
            raise CollectionFailed(f"s3://{self._name}/{key}: {entry.size} bytes: no manifest is so long")
        return _body(answer, f"s3://{self._name}/{key}", entry.size), entry

    def open(self, entry: Entry) -> BinaryIO:
        """The file, by ranges; Changed where it is another one by now."""
        return cast("BinaryIO", RangeFile(partial(self._part, entry), entry.size))

    def close(self) -> None:
        """Nothing: its clients are those of the account's session."""

    def _part(self, entry: Entry, start: int, end: int) -> bytes:
        """The bytes of a file from ``start`` up to ``end``, if it is still that file."""
        where = f"s3://{self._name}/{entry.key}"
        only = f"bytes={start}-{end - 1}"
        try:
            answer = self._calls.call(
                "s3", "GetObject", Bucket=self._name, Key=entry.key, IfMatch=entry.etag, Range=only
            )
        except Gone:
            raise Changed(f"{where}: it was deleted while it was read: it is looked for again") from None
        except CollectionFailed as error:
            if any(f": {code}:" in str(error) for code in _REPLACED):
                raise Changed(f"{where}: it was replaced while it was read: the new one is read") from None
            raise
        return _body(answer, where, end - start)

    def _pages(self, **parameters: Any) -> Iterator[dict[str, Any]]:
        return self._calls.pages("s3", "ListObjectsV2", page_size=_PAGE, Bucket=self._name, **parameters)


def _entry(key: Any, size: Any, told: Mapping[str, Any]) -> Entry:
    """Unavailable where an answer does not tell which file it is: without an ETag nothing can be pinned."""
    etag, modified = told.get("ETag"), told.get("LastModified")
    fine = isinstance(key, str) and isinstance(size, int) and isinstance(etag, str) and isinstance(modified, datetime)
    if not (fine and key and etag and size >= 0):
        raise Unavailable(f"s3: {key!r:.200}: its size, ETag or time is not told: it is asked for anew")
    return Entry(key=key, size=size, etag=etag, modified=modified)


def _body(answer: dict[str, Any], where: str, size: int) -> bytes:
    """The bytes of an answer. What breaks off on the way is read again."""
    try:
        with answer["Body"] as stream:
            found: bytes = stream.read()
    except Exception as error:  # noqa: BLE001 - urllib3's, botocore's or the socket's own
        raise Unavailable(f"{where}: it broke off while it was read ({type(error).__name__})") from None
    if len(found) != size:
        raise Unavailable(f"{where}: {len(found)} bytes came of {size}: it is read again")
    return found
