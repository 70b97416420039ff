"""Writes deliveries of bills into the local S3 of this process, laid out as AWS does it."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
from moto.s3.models import s3_backends

if TYPE_CHECKING:
    import pyarrow as pa

Row = Mapping[str, str]


@dataclass
class Deliveries:
    """The bucket of some exports.

    Every method takes the time that the objects bear (`at`), and gives the key of the manifest. With `manifest=False`
    the delivery is still under way: its files are there, its manifest is not.
    """

    bucket: str = "bills"
    prefix: str = "exports"
    account: str = "123456789012"

    def __post_init__(self) -> None:
        backend = s3_backends[self.account]["aws"]
        if self.bucket not in backend.buckets:
            backend.create_bucket(self.bucket, "us-east-1")

    def put(self, key: str, body: bytes, at: datetime) -> None:
        """One object."""
        found = s3_backends[self.account]["aws"].put_object(self.bucket, key, body)
        found.last_modified = at.astimezone(UTC).replace(tzinfo=None)

    def delete(self, key: str) -> None:
        """Take one object away."""
        s3_backends[self.account]["aws"].delete_object(self.bucket, key)

    def keys(self, prefix: str = "") -> list[str]:
        """What is there."""
        bucket = s3_backends[self.account]["aws"].buckets[self.bucket]
        return sorted(name for name, _ in bucket.keys.items() if name.startswith(prefix))

    def data_export(
        self,
        name: str,
        month: str,
        chunks: Sequence[bytes],
        at: datetime,
        *,
        ending: str = ".csv.gz",
        create_new: bool = False,
        manifest: bool = True,
        **more: Any,
    ) -> str:
        """CUR 2.0 or FOCUS: every chunk a file. Overwriting leaves the further files of a longer version behind."""
        more = {"billingPeriod": month, **more}
        return self._export(
            name, f"BILLING_PERIOD={month}", chunks, at, ending=ending, create_new=create_new, manifest=manifest, **more
        )

    def recommendations(
        self,
        name: str,
        day: str,
        chunks: Sequence[bytes],
        at: datetime,
        *,
        ending: str = ".csv.gz",
        create_new: bool = False,
        manifest: bool = True,
        **more: Any,
    ) -> str:
        """The table COST_OPTIMIZATION_RECOMMENDATIONS, which has a partition a day."""
        return self._export(
            name, f"date={day}", chunks, at, ending=ending, create_new=create_new, manifest=manifest, **more
        )

    def _export(
        self,
        name: str,
        partition: str,
        chunks: Sequence[bytes],
        at: datetime,
        *,
        ending: str,
        create_new: bool,
        manifest: bool,
        **more: Any,
    ) -> str:
        folder = f"{self.prefix}/{name}"
        execution = f"{at:%Y%m%dT%H%M%SZ}-00000000-0000-4000-8000-{int(at.timestamp()):012d}"
        run = f"{execution}/" if create_new else ""
        keys = [f"{folder}/data/{partition}/{run}{name}-{n:05d}{ending}" for n in range(1, len(chunks) + 1)]
        for key, chunk in zip(keys, chunks, strict=True):
            self.put(key, chunk, at)
        told = {
            "exportName": name,
            "executionId": execution,
            "dataFiles": [f"s3://{self.bucket}/{key}" for key in keys],
            **more,
        }
        body = json.dumps({key: value for key, value in told.items() if value is not None}).encode()
        places = [f"{folder}/metadata/{partition}/{run}{name}-Manifest.json"] if create_new else []
        places.append(f"{folder}/metadata/{partition}/{name}-Manifest.json")
        for place in places if manifest else ():
            self.put(place, body, at)
        return places[-1]

    def cost_and_usage_report(
        self,
        name: str,
        month: str,
        chunks: Sequence[bytes],
        at: datetime,
        *,
        ending: str = ".csv.gz",
        assembly: str = "",
        manifest: bool = True,
        **more: Any,
    ) -> str:
        """A report of the older kind; with an `assembly` every version is kept."""
        year, number = map(int, month.split("-"))
        following = f"{year + number // 12}{number % 12 + 1:02d}01"
        dates = f"{year}{number:02d}01-{following}"
        folder = f"{self.prefix}/{name}/{dates}"
        run = f"{assembly}/" if assembly else ""
        keys = [f"{folder}/{run}{name}-{n:05d}{ending}" for n in range(1, len(chunks) + 1)]
        if ending.endswith(".parquet"):
            place = f"{self.prefix}/{name}/{name}/year={year}/month={number}"
            keys = [f"{place}/{name}-{n:05d}{ending}" for n in range(1, len(chunks) + 1)]
        for key, chunk in zip(keys, chunks, strict=True):
            self.put(key, chunk, at)
        start, end = (f"{one}T000000.000Z" for one in dates.split("-"))
        told = {
            "assemblyId": assembly or f"{at:%Y%m%d%H%M%S}",
            "reportName": name,
            "billingPeriod": {"start": start, "end": end},
            "bucket": self.bucket,
            "reportKeys": keys,
            **more,
        }
        body = json.dumps(told).encode()
        places = [f"{folder}/{run}{name}-Manifest.json"] if assembly else []
        places.append(f"{folder}/{name}-Manifest.json")
        for place in places if manifest else ():
            self.put(place, body, at)
        return places[-1]


def csv_text(rows: Sequence[Row], columns: Sequence[str], *, bom: bool = False) -> bytes:
    """A CSV with its header; what a row lacks is empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return (b"\xef\xbb\xbf" if bom else b"") + text.getvalue().encode()


def gzipped(text: bytes, members: int = 1) -> bytes:
    """Of so many members, as some writers append them."""
    size = -(-len(text) // members) or 1
    parts = [text[start : start + size] for start in range(0, len(text), size)] or [b""]
    return b"".join(gzip.compress(part, mtime=0) for part in parts)


def zipped(text: bytes, name: str = "report.csv") -> bytes:
    """A ZIP archive of one file."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr(name, text)
    return archive.getvalue()


Convert = Callable[[str], Any]


def parquet(rows: Sequence[Row], columns: Mapping[str, tuple[pa.DataType, Convert]]) -> bytes:
    """A Parquet file; a text is turned into what its column holds, an empty one into nothing."""
    import pyarrow as pa  # noqa: PLC0415 - the demo does without
    import pyarrow.parquet as pq  # noqa: PLC0415

    arrays = [
        pa.array([convert(row[name]) if row.get(name) else None for row in rows], type=kind)
        for name, (kind, convert) in columns.items()
    ]
    written = io.BytesIO()
    pq.write_table(pa.table(dict(zip(columns, arrays, strict=True))), written, compression="snappy")
    return written.getvalue()


def map_of(text: str) -> list[tuple[str, str]]:
    """A JSON object as the pairs of a map."""
    return list(msgspec.json.decode(text, type=dict[str, str]).items())
