"""Listings of S3 and Lambda over what moto holds: moto's own give no further pages, and no region of a bucket."""

from collections.abc import Callable, Sequence
from typing import Any
from xml.sax.saxutils import escape

import msgspec
from moto.awslambda.models import lambda_backends
from moto.s3.models import s3_backends

from emulators.aws.errors import AwsError, xml_reply
from emulators.aws.request import AwsRequest
from emulators.core.reply import Reply

_MOST_BUCKETS = 10_000
_FUNCTIONS_PER_PAGE = 50


class S3:
    """ListBuckets; the rest is moto's."""

    def __init__(self, before_get: dict[str, Callable[[], None]]) -> None:
        self._before_get = before_get

    def handle(self, request: AwsRequest) -> Reply | None:
        """Answer ListBuckets; None leaves the request to moto.

        Raises:
            AwsError: a bad page size or token.
        """
        if request.action == "GetObject" and (meanwhile := self._before_get.pop(request.resource, None)):
            meanwhile()
        return xml_reply(_list_buckets(request)) if request.action == "ListBuckets" else None


class Lambda:
    """ListFunctions; the rest is moto's."""

    def handle(self, request: AwsRequest) -> Reply | None:
        """Answer ListFunctions; None leaves the request to moto.

        Raises:
            AwsError: a bad page token.
        """
        if request.action != "ListFunctions":
            return None
        functions = lambda_backends[request.account][request.region].list_functions(request.form.get("FunctionVersion"))
        first = _offset(request.form.get("Marker"), AwsError("InvalidParameterValueException", "Invalid Marker"))
        size = min(int(request.form.get("MaxItems") or _FUNCTIONS_PER_PAGE), _FUNCTIONS_PER_PAGE)
        page, following = _page(list(functions), first, size)
        answer: dict[str, Any] = {"Functions": [function.get_configuration() for function in page]}
        if following is not None:
            answer["NextMarker"] = str(following)
        return Reply(200, msgspec.json.encode(answer), "application/json")


def _list_buckets(request: AwsRequest) -> str:
    """The buckets of the account. Their regions are named only where a parameter is given, as in S3."""
    form = request.form
    invalid = AwsError("InvalidArgument", "The continuation token provided is incorrect")
    size = int(form.get("max-buckets") or _MOST_BUCKETS)
    if not 1 <= size <= _MOST_BUCKETS:
        raise AwsError("InvalidArgument", "Argument max-buckets must be an integer between 1 and 10000")
    prefix, region = form.get("prefix", ""), form.get("bucket-region")
    buckets = sorted(s3_backends[request.account]["aws"].buckets.values(), key=lambda bucket: bucket.name)
    found = [one for one in buckets if one.name.startswith(prefix) and region in {None, one.region_name}]
    page, following = _page(found, _offset(form.get("continuation-token"), invalid), size)
    detailed = any(name in form for name in ("max-buckets", "prefix", "bucket-region", "continuation-token"))
    rows = "".join(
        f"<Bucket><CreationDate>{bucket.creation_date:%Y-%m-%dT%H:%M:%S.000Z}</CreationDate>"
        + (f"<BucketRegion>{bucket.region_name}</BucketRegion>" if detailed else "")
        + f"<Name>{escape(bucket.name)}</Name></Bucket>"
        for bucket in page
    )
    token = "" if following is None else f"<ContinuationToken>{following}</ContinuationToken>"
    namespace = "http://s3.amazonaws.com/doc/2006-03-01/"
    return (
        f'<ListAllMyBucketsResult xmlns="{namespace}"><Buckets>{rows}</Buckets>'
        f"<Owner><ID>{request.account}</ID></Owner>{token}</ListAllMyBucketsResult>"
    )


def _page(found: Sequence[Any], first: int, size: int) -> tuple[Sequence[Any], int | None]:
    following = first + size
    return found[first:following], following if following < len(found) else None


def _offset(token: str | None, refusal: AwsError) -> int:
    if token is None:
        return 0
    if not token.isdecimal():
        raise refusal
    return int(token)
