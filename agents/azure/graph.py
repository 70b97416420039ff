"""Inventory by Azure Resource Graph: every resource of one type in a subscription, a thousand a call."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from agents.azure.calls import AzureCalls
from agents.azure.permissions import GRAPH
from agents.azure.session import AzureSession
from telemetry.errors import CollectionFailed, Unavailable
from telemetry.records import AttributeValue, Resource

API = "resourcegraph:resources"
PERMISSION = GRAPH
PAGE = 1000
"""The most rows that a page has."""

Row = Mapping[str, Any]

_COMMON = ("id", "name", "type", "kind", "location", "resourceGroup", "subscriptionId", "tags", "sku", "zones")


def rows(
    calls: AzureCalls, kind: str, columns: Mapping[str, str] | None = None, where: Sequence[str] = ()
) -> Iterator[Row]:
    """The resources of a type (``microsoft.compute/virtualmachines``), page by page, in the order of their ids.

    A row has id, name, type, kind, location, resourceGroup, subscriptionId, tags, sku, zones, and ``columns``: a
    name and what it is in Kusto. ``where`` are conditions in Kusto. What the identity may not read is not there.
    """
    wanted = [*_COMMON, *(f"{name} = {value}" for name, value in (columns or {}).items())]
    query = " | ".join(
        [
            "Resources",
            *(f"where {condition}" for condition in (f"type =~ {quoted(kind)}", *where)),
            f"project {', '.join(wanted)}",
            # Without an order, pages may overlap.
            "order by id asc",
        ]
    )
    yield from _pages(calls, query, kind)


def change_rows(calls: AzureCalls, columns: Mapping[str, str], where: Sequence[str]) -> Iterator[Row]:
    """What Azure noted of changes of resources, page by page: the id of each note, and ``columns``."""
    wanted = ["id", *(f"{name} = {value}" for name, value in columns.items())]
    query = " | ".join(
        [
            "resourcechanges",
            *(f"where {condition}" for condition in where),
            f"project {', '.join(wanted)}",
            "order by id asc",
        ]
    )
    yield from _pages(calls, query, "changes")


def _pages(calls: AzureCalls, query: str, kind: str) -> Iterator[Row]:
    token = None
    while True:
        page = calls.call(API, _asking(calls.subscription, query, token))
        if page.result_truncated == "true" and not page.skip_token:
            raise CollectionFailed(f"{API}: Azure cut the list of {kind} at {page.count} of {page.total_records} rows")
        yield from page.data
        former, token = token, page.skip_token
        if not token:
            return
        if token == former:
            raise Unavailable(f"{API}: Azure gave one page twice: the listing is read anew at the next attempt")


def estimate(resources: int) -> dict[str, int]:
    """The calls that a listing of so many resources takes."""
    return {API: max(1, math.ceil(resources / PAGE))}


def quoted(text: str) -> str:
    """A text as Kusto writes it."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def one_of(names: Sequence[str] | None, column: str = "name") -> list[str]:
    """The conditions for a column that must be one of ``names``; none for None. Azure does not tell cases apart."""
    return [] if names is None else [f"{column} in~ ({', '.join(map(quoted, names))})"]


def resource_of(
    row: Row, service: str, *, kind: str = "", attributes: Mapping[str, AttributeValue] | None = None
) -> Resource:
    """A row as a resource; ``kind`` is its type in the provider's words, by default Azure's type of resource."""
    own: dict[str, AttributeValue] = {"resource_group": row["resourceGroup"], **(attributes or {})}
    return Resource(
        provider="azure",
        account=row["subscriptionId"],
        region=row["location"],
        service=service,
        # Azure does not tell cases apart, and spells one resource now this way, now that; costs have it in lower case.
        resource_id=row["id"].lower(),
        type=kind or row["type"],
        name=row["name"],
        tags={str(key): str(value) for key, value in (row["tags"] or {}).items()},
        attributes={name: value for name, value in own.items() if value not in {None, ""}},
    )


def _asking(subscription: str, query: str, token: str | None) -> Any:
    def send(session: AzureSession) -> Any:
        from azure.mgmt.resourcegraph.models import (  # noqa: PLC0415 - an SDK is loaded where it is used
            QueryRequest,
            QueryRequestOptions,
            ResultFormat,
        )

        options = QueryRequestOptions(top=PAGE, skip_token=token, result_format=ResultFormat.OBJECT_ARRAY)
        return session.graph.resources(QueryRequest(subscriptions=[subscription], query=query, options=options))

    return send
