"""Inventory by Azure Resource Graph: every resource of one type in a subscription, a thousand a call."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from agents.azure.asking import ask
from agents.azure.calls import AzureCalls
from agents.azure.permissions import GRAPH
from agents.azure.session import AzureSession
from agents.azure.told import Listing, Told
from telemetry.errors import CollectionFailed, Unavailable
from telemetry.records import AttributeValue, Resource

API = "resourcegraph:resources"
PERMISSION = GRAPH
PAGE = 1000
"""The most rows that a page has."""

Row = Told
"""A resource: its ``id`` and its ``location`` are told."""

_VERSION = "2021-03-01"
_PATH = "/providers/Microsoft.ResourceGraph/resources"
_COMMON = ("id", "name", "type", "kind", "location", "resourceGroup", "subscriptionId", "tags", "sku", "zones")


def rows(
    calls: AzureCalls, kind: str, columns: Mapping[str, str] | None = None, where: Sequence[str] = (), *, of: str
) -> Iterator[Row]:
    """The resources of a type (``microsoft.compute/virtualmachines``), page by page, in the order of their ids.

    Each once, whichever pages it is on. One that cannot be told from others is left out and counted: ``of`` are what
    they are called then.

    A row has id, name, type, kind, location, resourceGroup, subscriptionId, tags, sku, zones, and ``columns``: a
    name and what it is in Kusto. ``where`` are conditions in Kusto. What the identity may not read is not there.
    """
    listing = Listing(calls.context, of)
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
    taken = lost = 0
    for row in _pages(calls, query, listing):
        if not (row.text("id") and row.text("location")):
            lost += 1
            listing.lacks("all", "Azure did not tell their id or their location")
        elif listing.is_new(str(row.text("id")).lower()):
            taken += 1
            yield row
    if lost and not taken:
        raise CollectionFailed(f"{API}: of {lost} {of} Azure told neither id nor location: nothing is known of them")


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
    yield from _pages(calls, query, Listing(calls.context, "changes"))


def _pages(calls: AzureCalls, query: str, listing: Listing) -> Iterator[Told]:
    token, read, things = "", 0, 0
    while True:
        page = calls.call(API, _asking(calls.subscription, query, token)) or {}
        data, following, total = page.get("data"), page.get("$skipToken"), page.get("totalRecords")
        if not isinstance(data, list) or not isinstance(following, str | None):
            raise Unavailable(f"{API}: Azure's answer is no page of a list: the listing is read anew")
        if page.get("resultTruncated") == "true" and not following:
            raise CollectionFailed(f"{API}: Azure cut the list at {len(data)} of {total} rows")
        read += len(data)
        things += sum(isinstance(one, Mapping) for one in data)
        yield from listing.items(data)
        if not following:
            if read and not things:
                raise CollectionFailed(f"{API}: of {read} rows of Azure's answer none is one: nothing is known of them")
            if isinstance(total, int) and read < total:
                listing.lacks("all", "Azure's list ended before them", total - read)
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
    resource_id = str(row.text("id"))
    parts = resource_id.split("/")
    own: dict[str, AttributeValue] = {"resource_group": row.column("resourceGroup") or _after("resourcegroups", parts)}
    own |= attributes or {}
    kind = (row.column("type") or "") if kind is None else kind
    tags = row.texts("tags")
    return Resource(
        provider="azure",
        account=row.column("subscriptionId") or _after("subscriptions", parts) or "unknown",
        region=str(row.text("location")),
        service=service,
        # Azure does not tell cases apart, and spells one resource now this way, now that; costs have it in lower case.
        resource_id=resource_id.lower(),
        type=kind,
        name=row.column("name") or parts[-1],
        tags=tags,
        attributes={name: value for name, value in own.items() if value not in {None, ""}},
        # One without tags has the column all the same.
        whole=bool(kind) and None not in own.values() and "tags" in row.fields and not row.was_odd("tags"),
    )


def zone_of(row: Row) -> str | None:
    """The first of its zones, empty where it has none; None where that could not be read."""
    zones = row.strings("zones")
    return zones[0] if zones else None if row.was_odd("zones") else ""


def _after(word: str, parts: Sequence[str]) -> str:
    """The part of an id that follows ``word``, in lower case; empty where there is none."""
    return next((after.lower() for part, after in pairwise(parts) if part.lower() == word), "")


def _asking(subscription: str, query: str, token: str) -> Any:
    options = {"$top": PAGE, "resultFormat": "objectArray", **({"$skipToken": token} if token else {})}
    body = {"subscriptions": [subscription], "query": query, "options": options}

    def send(session: AzureSession) -> Any:
        return ask(session.graph, "POST", _PATH, {"api-version": _VERSION}, body=body)

    return send
