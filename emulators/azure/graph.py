"""Resource Graph: queries over the resources of many subscriptions."""

import base64
import hashlib
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec

from emulators.azure.buckets import Limits, Windows
from emulators.azure.errors import AzureError, json_reply
from emulators.azure.fault_errors import bad_page, denied, graph_throttled, support
from emulators.azure.faults import Faults
from emulators.azure.kql import KqlError, Table, parse
from emulators.azure.kql.values import iso, kind_of
from emulators.azure.operations import Operation, path
from emulators.azure.places import RESOURCE_MANAGER
from emulators.azure.request import AzureRequest
from emulators.azure.resources import CHANGE_ROW, ROW, ResourceStore
from emulators.azure.subscriptions import Subscriptions
from emulators.core.reply import Reply

_MOST_ROWS = 1000
_ACTION = "Microsoft.ResourceGraph/resources/read"
_VERSIONS = frozenset(
    {"2018-09-01-preview", "2019-04-01", "2020-04-01-preview", "2021-03-01", "2022-10-01", "2024-04-01"}
)
_CONTAINERS = ("id", "name", "type", "tenantId", "subscriptionId", "resourceGroup", "location", "properties", "tags")


class ResourceGraph:
    """Answers queries with the rows that the caller may read: what is denied is left out, not refused."""

    def __init__(
        self,
        resources: ResourceStore,
        subscriptions: Subscriptions,
        clock: Callable[[], float],
        *,
        faults: Faults,
        limits: Limits,
    ) -> None:
        self._resources = resources
        self._subscriptions = subscriptions
        self._clock = clock
        self._faults = faults
        self._limits = limits
        self._quota = Windows(time.monotonic)

    def operations(self) -> list[Operation]:
        """What it serves."""
        where = path("/providers/Microsoft.ResourceGraph/resources")
        return [
            Operation(
                "resourcegraph:resources",
                "POST",
                where,
                self._query,
                service=RESOURCE_MANAGER,
                versions=_VERSIONS,
                action=_ACTION,
            )
        ]

    def _query(self, request: AzureRequest) -> Reply:
        headers = self._take_quota(request)
        body, options = _body(request)
        seen = self._seen(request, body.get("subscriptions"))
        try:
            query = parse(body["query"], datetime.fromtimestamp(self._clock(), UTC))
            result = query.run(self._tables(request, seen))
        except KqlError as wrong:
            raise _bad(request, "InvalidQuery", str(wrong)) from wrong
        first, size = _window(request, body, options)
        page = Table(result.columns, result.rows[first : first + size])
        more = first + size < len(result.rows)
        # As in Azure: without the column `id`, or after limit or top, there is no further page.
        pages = more and "id" in result.columns and not query.limited
        payload: dict[str, Any] = {
            "totalRecords": len(result.rows),
            "count": len(page.rows),
            "data": _data(page, str(options.get("resultFormat", "objectArray"))),
            "facets": [],
            "resultTruncated": "true" if more and not pages else "false",
        }
        if pages:
            payload["$skipToken"] = _token(body, first + size)
        return json_reply(payload, headers=headers)

    def _take_quota(self, request: AzureRequest) -> dict[str, str]:
        most, seconds = self._limits.graph
        left, wait = self._quota.take((request.tenant, request.principal), 1, [(most, seconds)])
        if wait:
            raise graph_throttled(request, wait)
        resets = int(seconds)
        return {
            "x-ms-user-quota-remaining": f"{int(left[0])}",
            "x-ms-user-quota-resets-after": f"{resets // 3600:02}:{resets // 60 % 60:02}:{resets % 60:02}",
            "x-ms-resource-graph-request-duration": "0:00:00:00.0100000",
        }

    def _seen(self, request: AzureRequest, named: Any) -> list[str]:
        """The subscriptions that are asked for, or all of the tenant, as far as the caller may read them."""
        known = {one.id for one in self._subscriptions.of(request.tenant) if not self._faults.is_disabled(one.id)}
        asked = [str(one).lower() for one in named] if named else sorted(known)
        found = [one for one in asked if one in known]
        if asked and not found:
            text = (
                "There must be at least one subscription that is eligible to contain resources. Given: "
                f"'{','.join(asked)}'."
            )
            raise _bad(request, "NoValidSubscriptionsInQueryRequest", text)
        seen = [one for one in found if not self._faults.denied(_ACTION, f"/subscriptions/{one}")]
        if found and not seen:
            raise denied(request, _ACTION, f"/subscriptions/{found[0]}")
        return seen

    def _tables(self, request: AzureRequest, seen: list[str]) -> dict[str, Callable[[], Table]]:
        def resources() -> Table:
            rows = [
                one.row(request.tenant)
                for one in self._resources.of(seen)
                if not self._faults.denied(f"{one.type}/read", one.id)
            ]
            return Table(ROW, rows)

        def containers() -> Table:
            found = [one for one in self._subscriptions.of(request.tenant) if one.id in seen]
            rows = [
                dict.fromkeys(_CONTAINERS)
                | {
                    "id": f"/subscriptions/{one.id}",
                    "name": one.name,
                    "type": "microsoft.resources/subscriptions",
                    "tenantId": one.tenant,
                    "subscriptionId": one.id,
                    "properties": {"state": one.state, "subscriptionPolicies": {"quotaId": one.offer}},
                }
                for one in found
            ]
            return Table(_CONTAINERS, rows)

        def changes() -> Table:
            rows = [one.row(number) for number, one in enumerate(self._resources.changes)]
            return Table(CHANGE_ROW, [row for row in rows if row["subscriptionId"] in seen])

        return {
            "resourcechanges": changes,
            "Resources": resources,
            "resources": resources,
            "ResourceContainers": containers,
            "resourcecontainers": containers,
        }


def _body(request: AzureRequest) -> tuple[dict[str, Any], dict[str, Any]]:
    body = request.json
    if not isinstance(body.get("query"), str) or not body["query"].strip():
        raise _bad(request, "QueryMissing", "The query must be provided and must not be empty.")
    named = body.get("subscriptions")
    if named is not None and not isinstance(named, list):
        raise _bad(request, "InvalidSubscriptions", "The subscriptions must be a list.")
    options = body.get("options")
    if options is not None and not isinstance(options, dict):
        raise _bad(request, "InvalidOptions", "The options must be an object.")
    return body, options or {}


def _window(request: AzureRequest, body: dict[str, Any], options: dict[str, Any]) -> tuple[int, int]:
    """(first row, most rows)."""
    size = options.get("$top", _MOST_ROWS)
    if not isinstance(size, int) or not 1 <= size <= _MOST_ROWS:
        raise _bad(request, "InvalidTopValue", f"The $top value must be between 1 and {_MOST_ROWS}.")
    token = options.get("$skipToken")
    if not token:
        return int(options.get("$skip", 0)), size
    try:
        read = msgspec.json.decode(base64.urlsafe_b64decode(str(token)), type=dict[str, Any])
    except ValueError as error:
        raise bad_page(request) from error
    if read.get("of") != _digest(body):
        raise bad_page(request)
    return int(read["first"]), size


def _token(body: dict[str, Any], first: int) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode({"first": first, "of": _digest(body)})).decode()


def _digest(body: dict[str, Any]) -> str:
    told = msgspec.json.encode([body["query"], sorted(map(str, body.get("subscriptions") or []))])
    return hashlib.sha256(told).hexdigest()[:16]


def _data(page: Table, form: str) -> Any:
    rows = [{name: _plain(row[name]) for name in page.columns} for row in page.rows]
    if form.lower() != "table":
        return rows
    columns = [{"name": name, "type": kind_of([row[name] for row in rows])} for name in page.columns]
    return {"columns": columns, "rows": [list(row.values()) for row in rows]}


def _plain(value: Any) -> Any:
    return iso(value) if hasattr(value, "astimezone") else value


def _bad(request: AzureRequest, code: str, text: str) -> AzureError:
    return AzureError(400, "BadRequest", support(request), details=[{"code": code, "message": text}])
