"""The permissions that calls need, and the IAM policy that holds those of the services."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from agents.core.service import Service

DOCUMENT = "aws.json"

NEEDS_NONE = frozenset({"sts:GetCallerIdentity"})
"""Everybody may ask who they are: AWS allows it even where a policy denies it."""

_NAMES: Mapping[str, str] = MappingProxyType(
    {"s3:ListBuckets": "s3:ListAllMyBuckets", "s3:ListObjectsV2": "s3:ListBucket", "s3:HeadObject": "s3:GetObject"}
)
BUCKET, FOLDER = "BILL-BUCKET", "BILL-PREFIX"
"""What stands in the policy for the bucket and the folder of exports: nothing is allowed before they are filled in."""
# The others can be allowed on everything only: they list, or they name no resource.
_RESOURCES: Mapping[str, str] = MappingProxyType(
    {
        "eks:DescribeCluster": "arn:*:eks:*:*:cluster/*",
        "eks:DescribeNodegroup": "arn:*:eks:*:*:nodegroup/*",
        "eks:ListNodegroups": "arn:*:eks:*:*:cluster/*",
        "rds:DescribeDBInstances": "arn:*:rds:*:*:db:*",
        "s3:GetObject": f"arn:*:s3:::{BUCKET}/{FOLDER}/*",
        "s3:ListBucket": f"arn:*:s3:::{BUCKET}",
        "sagemaker:DescribeEndpoint": "arn:*:sagemaker:*:*:endpoint/*",
        "sagemaker:DescribeEndpointConfig": "arn:*:sagemaker:*:*:endpoint-config/*",
    }
)


# What narrows an action further than its resources do.
_CONDITIONS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {"s3:ListBucket": {"StringLike": {"s3:prefix": [f"{FOLDER}/*"]}}}
)


def permission_of(api: str) -> str:
    """The action to allow in a policy: ``s3:ListAllMyBuckets`` for ``s3:ListBuckets``."""
    return _NAMES.get(api, api)


def document(services: Iterable[Service]) -> str:
    """The policy: what each service needs stands by itself, so that those not collected can be left out.

    A statement bears the service's name; ``...Resources`` holds the actions that name a kind of resource.
    """
    statements = [statement for service in services for statement in _statements(service)]
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, indent=2) + "\n"


def _statements(service: Service) -> Iterator[dict[str, Any]]:
    anything = [one for one in service.permissions if one not in _RESOURCES and one not in NEEDS_NONE]
    named: defaultdict[str, list[str]] = defaultdict(list)
    for permission in service.permissions:
        if permission in _RESOURCES:
            named[_RESOURCES[permission]].append(permission)
    sid = service.name.title().replace("_", "")
    if anything:
        yield _statement(sid, anything, ["*"])
    narrowed = [one for actions in named.values() for one in actions if one in _CONDITIONS]
    for one in narrowed:
        statement = _statement(f"{sid}{one.partition(':')[2]}", [one], [_RESOURCES[one]])
        yield {**statement, "Condition": _CONDITIONS[one]}
        del named[_RESOURCES[one]]
    if named:
        yield _statement(f"{sid}Resources", [one for actions in named.values() for one in actions], list(named))


def _statement(sid: str, actions: list[str], resources: list[str]) -> dict[str, Any]:
    return {"Sid": sid, "Effect": "Allow", "Action": sorted(actions), "Resource": sorted(resources)}
