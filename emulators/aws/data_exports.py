"""Data Exports: which exports there are, how they fare, and the bucket that they write to."""

import csv
import gzip
import io
import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from moto.s3.models import s3_backends

from emulators.aws.errors import AwsError, json_reply
from emulators.aws.request import AwsRequest
from emulators.core.reply import Reply

Row = Mapping[str, str]


@dataclass
class Export:
    """One export, as ListExports tells of it."""

    name: str
    status: str = "HEALTHY"
    reason: str = ""
    #: Status, reason and time (epoch seconds) of each execution.
    executions: list[tuple[str, str, float]] = field(default_factory=list)

    @property
    def arn(self) -> str:
        """Its ARN."""
        return f"arn:aws:bcm-data-exports:us-east-1:123456789012:export/{self.name}"


class DataExports:
    """ListExports and ListExecutions."""

    def __init__(self, exports: dict[str, Export]) -> None:
        self._exports = exports

    def handle(self, request: AwsRequest) -> Reply | None:
        """Answer; AwsError where there is no such export."""
        if request.action == "ListExports":
            return json_reply({"Exports": [_export(one) for one in self._exports.values()]})
        if request.action == "ListExecutions":
            arn = request.json.get("ExportArn")
            found = next((one for one in self._exports.values() if one.arn == arn), None)
            if found is None:
                raise AwsError("ResourceNotFoundException", "there is no such export", 404)
            return json_reply({"Executions": [_execution(*one) for one in found.executions]})
        return None


def _export(one: Export) -> dict[str, Any]:
    status = {"StatusCode": one.status} | ({"StatusReason": one.reason} if one.reason else {})
    return {"ExportArn": one.arn, "ExportName": one.name, "ExportStatus": status}


def _execution(code: str, reason: str, at: float) -> dict[str, Any]:
    moment = datetime.fromtimestamp(at, UTC).isoformat()
    status = {"StatusCode": code, "CreatedAt": moment} | ({"StatusReason": reason} if reason else {})
    return {"ExecutionId": f"at-{at:.0f}", "ExecutionStatus": status}


@dataclass
class Deliveries:
    """Writes deliveries into a bucket of the local S3 of this process, laid out as AWS does it.

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
        folder, partition = f"{self.prefix}/{name}", f"BILLING_PERIOD={month}"
        execution = f"{at:%Y%m%dT%H%M%SZ}-00000000-0000-4000-8000-{int(at.timestamp()):012d}"
        run = f"{execution}/" if create_new else ""
        keys = [f"{folder}/data/{partition}/{run}{name}-{n:05d}{ending}" for n in range(1, len(chunks) + 1)]
        for key, chunk in zip(keys, chunks, strict=True):
            self.put(key, chunk, at)
        told = {
            "exportName": name,
            "executionId": execution,
            "billingPeriod": month,
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
