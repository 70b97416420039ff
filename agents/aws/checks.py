"""What only botocore can say of the configuration: whether it knows the services and operations that are named."""

from __future__ import annotations

import difflib
from fnmatch import fnmatchcase
from typing import Any

from agents.aws.settings import AwsSettings
from telemetry.errors import CollectionFailed

_ANY = frozenset("*?")


def check_names(section: AwsSettings, session: Any) -> None:
    """CollectionFailed names the first endpoint or quota of the section that is of no service or operation of AWS's.

    ``session`` is botocore's; it reads the model of each service with a quota.
    """
    known = session.get_available_services()
    for service in section.endpoints:
        if service not in known:
            raise CollectionFailed(
                f"aws.endpoints.{service}: boto3 has no service of that name{_close(service, known)}"
            )
    for api in section.quotas:
        service, _, operation = api.partition(":")
        if _ANY & set(service):
            continue
        if service not in known:
            raise CollectionFailed(f"aws.quotas.{api}: boto3 has no service {service!r}{_close(service, known)}")
        operations = session.get_service_model(service).operation_names
        if not any(fnmatchcase(name, operation) for name in operations):
            close = _close(operation, operations)
            raise CollectionFailed(f"aws.quotas.{api}: {service} has no operation {operation!r}{close}")


def _close(name: str, known: list[str]) -> str:
    found = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {found[0]}?" if found else ""
