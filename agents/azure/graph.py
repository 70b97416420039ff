"""Inventory by Azure Resource Graph: every resource of one type in a subscription, a thousand a call."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from operator import itemgetter
from typing import Any, TypeVar

from agents.azure.asking import ask
from agents.azure.calls import AzureCalls
from agents.azure.permissions import GRAPH
from agents.azure.session import AzureSession
from agents.core.items import Item, Listing
from telemetry.errors import CollectionFailed, Unavailable
from telemetry.records import AttributeValue, Resource

API = "resourcegraph:resources"
PERMISSION = GRAPH
PAGE = 1000
"""The most rows that a page has."""

T = TypeVar("T")

Row = Item
"""A resource: its ``id`` and its ``location`` are told. What was asked for is there, be it an empty text."""

_VERSION = "2021-03-01"
_PATH = "/providers/Microsoft.ResourceGraph/resources"
_COMMON = ("id", "name", "type", "kind", "location", "resourceGroup", "subscriptionId", "tags", "sku", "zones")


def rows(
    calls: AzureCalls, kind: str, columns: Mapping[str, str], make: Callable[[Row], T], where: Sequence[str], *, of: str
) -> Iterator[T]:
    """What ``make`` makes of each resource of a type (``microsoft.compute/virtualmachines``), in the order of ids.

    Page by page, each once, whichever pages it is on. One that cannot be told from others is left out and counted:
    ``of`` are what they are called then.

    A row has id, name, type, kind, location, resourceGroup, subscriptionId, tags, sku, zones, and ``columns``: a
    name and what it is in Kusto. ``where`` are conditions in Kusto. What the identity may not read is not there.
    """

    def of_row(row: Row) -> tuple[str, T]:
        row.key("location")
        # Azure does not tell cases apart.
        return row.key("id").lower(), make(row)

    listing: Listing[tuple[str, T]] = Listing(calls.context, of, key=itemgetter(0))
    wanted = [*_COMMON, *(f"{name} = {value}" for name, value in columns.items())]
    query = " | ".join(
        [
            "Resources",
            *(f"where {condition}" for condition in (f"type =~ {quoted(kind)}", *where)),
            f"project {', '.join(wanted)}",
            # Without an order, pages may overlap.
            "order by id asc",
        ]
    )
    for found in _pages(calls, query, of):
        row = listing.read(found, of_row)
        if row is not None and listing.is_new(row):
            yield row[1]


def change_rows(calls: AzureCalls, columns: Mapping[str, str], where: Sequence[str], *, of: str) -> Iterator[Any]:
    """What Azure noted of changes of resources, unread, page by page: the id of each note, and ``columns``."""
    wanted = ["id", *(f"{name} = {value}" for name, value in columns.items())]
    query = " | ".join(
        [
            "resourcechanges",
            *(f"where {condition}" for condition in where),
            f"project {', '.join(wanted)}",
            "order by id asc",
        ]
    )
    yield from _pages(calls, query, of)


def _pages(calls: AzureCalls, query: str, of: str) -> Iterator[Any]:
    token, read = "", 0
    while True:
        page = calls.call(API, _asking(calls.subscription, query, token)) or {}
        data, following, total = page.get("data"), page.get("$skipToken"), page.get("totalRecords")
        if not isinstance(data, list) or not isinstance(following, str | None):
            raise Unavailable(f"{API}: Azure's answer is no page of a list: the listing is read anew")
        if page.get("resultTruncated") == "true" and not following:
            raise CollectionFailed(f"{API}: Azure cut the list at {len(data)} of {total} rows")
        read += len(data)
        yield from data
        if not following:
            if isinstance(total, int) and read < total:
                calls.context.partial("all", "Azure's list ended before them", of=of, count=total - read)
            return
        if following == token:
            raise Unavailable(f"{API}: Azure gave one page twice: the listing is read anew at the next attempt")
        token = following


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
    row: Row, service: str, *, kind: str | None = None, attributes: Mapping[str, AttributeValue] | None = None
) -> Resource:
    """A row as a resource; ``kind`` is its type in the provider's words, by default Azure's type of resource.

    What Azure did not tell is left out, and it is no whole reading then: it takes the place of nothing that was known
    before. An attribute that is None is one of these; an empty one is not there.
    """
    resource_id = row.key("id")
    parts = resource_id.split("/")
    own: dict[str, AttributeValue] = {
        "resource_group": row.expected("resourceGroup") or _after("resourcegroups", parts)
    }
    own |= attributes or {}
    kind = (row.expected("type") or "") if kind is None else kind
    name, tags = row.expected("name") or parts[-1], row.tags("tags")
    return Resource(
        provider="azure",
        account=row.expected("subscriptionId") or _after("subscriptions", parts) or "unknown",
        region=row.key("location"),
        service=service,
        # Azure does not tell cases apart, and spells one resource now this way, now that; costs have it in lower case.
        resource_id=resource_id.lower(),
        type=kind,
        name=name,
        tags=tags,
        attributes={name: value for name, value in own.items() if value not in {None, ""}},
        # One without tags has the column all the same.
        whole=bool(kind) and None not in own.values() and "tags" in row.fields and not row.faults,
    )


def zone_of(row: Row) -> str:
    """The first of its zones; empty where it has none."""
    zones = row.texts("zones")
    return zones[0] if zones else ""


def _after(word: str, parts: Sequence[str]) -> str:
    """The part of an id that follows ``word``, in lower case; empty where there is none."""
    return next((after.lower() for part, after in pairwise(parts) if part.lower() == word), "")


def _asking(subscription: str, query: str, token: str) -> Any:
    options = {"$top": PAGE, "resultFormat": "objectArray", **({"$skipToken": token} if token else {})}
    body = {"subscriptions": [subscription], "query": query, "options": options}

    def send(session: AzureSession) -> Any:
        return ask(session.graph, "POST", _PATH, {"api-version": _VERSION}, body=body)

    return send
