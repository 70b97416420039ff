"""The XML API of Cloud Storage: lists by pages, objects whole or by a range, and conditions on what an object is."""

import re
import time
from datetime import UTC, datetime
from email.utils import format_datetime
from urllib.parse import unquote
from xml.sax.saxutils import escape

from werkzeug.wrappers import Request, Response

from emulators.core.calls import ERROR, OK
from emulators.gcp.errors import GoogleError
from emulators.gcp.gate import Gate, Visit
from emulators.gcp.storage.buckets import Buckets, Stored

PREFIX = "/storage-xml"
"""Of its paths, since other services answer at the same address."""
_PATH = re.compile(rf"{PREFIX}/(?P<bucket>[^/]+)(?:/(?P<key>.+))?")
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")
_CODES = {
    401: "AuthenticationRequired",
    403: "AccessDenied",
    429: "SlowDown",
    500: "InternalError",
    503: "ServiceUnavailable",
}
_GONE = {"NoSuchKey": "The specified key does not exist.", "NoSuchBucket": "The specified bucket does not exist."}


class Storage:
    """Answers `GET` and `HEAD` below `PREFIX`. A page of a list has at most `page` objects."""

    def __init__(self, buckets: Buckets, gate: Gate) -> None:
        self._buckets = buckets
        self._gate = gate
        self.page = 1000

    def __call__(self, request: Request) -> Response | None:
        """Answer a request that is one of Cloud Storage's."""
        # As it was sent: a key may have an escaped slash.
        path = _PATH.fullmatch(str(request.environ["RAW_URI"]).partition("?")[0])
        if path is None or request.method not in {"GET", "HEAD"}:
            return None
        bucket, key = unquote(path["bucket"]), unquote(path["key"] or "")
        api = "storage.objects.get" if key else "storage.objects.list"
        service, _, method = api.partition(".")
        authorization = request.headers.get("Authorization", "")
        token = request.args.get("continuation-token", "")
        visit = Visit(time.time(), f"{service}:{method}", "", api, authorization, page_token=token)
        try:
            self._gate.enter(visit)
        except GoogleError as refused:
            self._gate.leave(visit, ERROR, refused.code)
            return _refusal(refused.http_status, _CODES.get(refused.http_status, "InvalidArgument"), refused.message)
        try:
            answer = self._object(request, bucket, key) if key else self._list(request, bucket)
        except KeyError:
            answer = _refusal(404, "NoSuchBucket", _GONE["NoSuchBucket"])
        self._gate.leave(visit, OK if answer.status_code < 400 else ERROR, "OK")  # noqa: PLR2004 - HTTP's own
        return answer

    def _list(self, request: Request, bucket: str) -> Response:
        asked = request.args
        after = asked.get("continuation-token") or asked.get("start-after") or ""
        found = [one for one in self._buckets.listed(bucket, asked.get("prefix", "")) if one.key > after]
        page = found[: min(self.page, int(asked.get("max-keys") or self.page))]
        more = len(found) > len(page)
        token = f"<NextContinuationToken>{escape(page[-1].key)}</NextContinuationToken>" if more and page else ""
        listed = "".join(map(_item, page))
        return _xml(
            f"<ListBucketResult xmlns='http://doc.s3.amazonaws.com/2006-03-01'><Name>{escape(bucket)}</Name>"
            f"<Prefix>{escape(asked.get('prefix', ''))}</Prefix><KeyCount>{len(page)}</KeyCount>"
            f"<IsTruncated>{'true' if more else 'false'}</IsTruncated>{token}{listed}</ListBucketResult>"
        )

    def _object(self, request: Request, bucket: str, key: str) -> Response:
        found = self._buckets.get(bucket, key)
        asked = request.args.get("generation")
        if found is None or asked not in {None, str(found.generation)}:
            return _refusal(404, "NoSuchKey", _GONE["NoSuchKey"])
        if _refused(request, found):
            return _refusal(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold.")
        headers = {
            "ETag": found.etag,
            "Last-Modified": format_datetime(datetime.fromtimestamp(found.written, UTC), usegmt=True),
            "x-goog-generation": str(found.generation),
            "Accept-Ranges": "bytes",
        }
        part = _RANGE.fullmatch(request.headers.get("Range", ""))
        if part is None or request.method == "HEAD":
            return Response(found.body, 200, headers, content_type="application/octet-stream")
        start, size = int(part[1]), len(found.body)
        end = min(int(part[2]) + 1 if part[2] else size, size)
        if start >= size:
            return _refusal(416, "InvalidRange", "The requested range cannot be satisfied.")
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
        return Response(found.body[start:end], 206, headers, content_type="application/octet-stream")


def _refused(request: Request, found: Stored) -> bool:
    """Whether it is not the object that the request is about."""
    etag, generation = request.headers.get("If-Match"), request.headers.get("x-goog-if-generation-match")
    return etag not in {None, "*", found.etag} or generation not in {None, str(found.generation)}


def _item(one: Stored) -> str:
    written = datetime.fromtimestamp(one.written, UTC)
    return (
        f"<Contents><Key>{escape(one.key)}</Key><Generation>{one.generation}</Generation>"
        f"<MetaGeneration>1</MetaGeneration><LastModified>{written:%Y-%m-%dT%H:%M:%S}.{written.microsecond // 1000:03}Z"
        f"</LastModified><ETag>{escape(one.etag)}</ETag><Size>{len(one.body)}</Size></Contents>"
    )


def _refusal(status: int, code: str, message: str) -> Response:
    return _xml(f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>", status)


def _xml(body: str, status: int = 200) -> Response:
    return Response(
        f"<?xml version='1.0' encoding='UTF-8'?>{body}", status, content_type="application/xml; charset=UTF-8"
    )
