"""The action that a REST request asks for, from the service models that botocore ships."""

import re
from functools import cache
from typing import NamedTuple
from urllib.parse import parse_qsl

import botocore.session
from botocore.exceptions import UnknownServiceError


class _Route(NamedTuple):
    method: str
    path: re.Pattern[str]
    query: dict[str, str]
    action: str


# One path serves several S3 operations that only an optional parameter tells apart: these are the usual ones.
_PREFERRED = {"ListBuckets", "ListObjects", "ListObjectsV2", "GetObject", "PutObject", "UploadPart", "ListParts"}

# Where IAM's name of an action is not the name of the operation.
_IAM_NAMES = {
    ("s3", "ListBuckets"): "ListAllMyBuckets",
    ("s3", "ListObjects"): "ListBucket",
    ("s3", "ListObjectsV2"): "ListBucket",
    ("s3", "HeadBucket"): "ListBucket",
    ("s3", "HeadObject"): "GetObject",
    ("s3", "GetBucketLifecycleConfiguration"): "GetLifecycleConfiguration",
    ("s3", "GetBucketEncryption"): "GetEncryptionConfiguration",
    ("s3", "ListBucketMetricsConfigurations"): "GetMetricsConfiguration",
}


def iam_action(service: str, action: str) -> str:
    """The permission that an operation needs: `s3:ListAllMyBuckets` for S3's ListBuckets."""
    return f"{service}:{_IAM_NAMES.get((service, action), action)}"


def rest_action(service: str, method: str, path: str, query: dict[str, str]) -> str:
    """The operation's name, or `METHOD path` where no model knows it."""
    matches = [
        route
        for route in _routes(service)
        if route.method == method
        and route.path.fullmatch(path.rstrip("/") or "/")
        and all(query.get(key) == value for key, value in route.query.items())
    ]
    if not matches:
        return f"{method} {path}"
    best = max(
        matches, key=lambda route: (len(route.query), -route.path.pattern.count("("), route.action in _PREFERRED)
    )
    return best.action


@cache
def _routes(service: str) -> list[_Route]:
    try:
        model = botocore.session.get_session().get_service_model(service)
    except UnknownServiceError:
        return []
    routes = []
    for name in model.operation_names:
        http = model.operation_model(name).http
        path, _, query = http["requestUri"].partition("?")
        fixed = dict(parse_qsl(query, keep_blank_values=True))
        fixed.pop("x-id", None)
        routes.append(_Route(http["method"], _pattern(path), fixed, name))
    return routes


def _pattern(template: str) -> re.Pattern[str]:
    parts = re.split(r"\{([^}]+)\}", template.rstrip("/") or "/")
    names = parts[1::2]
    pattern = "".join(
        re.escape(part) if index % 2 == 0 else "(.+)" if names[index // 2].endswith("+") else "([^/]+)"
        for index, part in enumerate(parts)
    )
    return re.compile(pattern)
