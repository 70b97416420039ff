"""The permission that a call needs, where IAM has another name for it than the API."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_NAMES: Mapping[str, str] = MappingProxyType({"s3:ListBuckets": "s3:ListAllMyBuckets"})


def permission_of(api: str) -> str:
    """The action to allow in a policy: ``s3:ListAllMyBuckets`` for ``s3:ListBuckets``."""
    return _NAMES.get(api, api)
