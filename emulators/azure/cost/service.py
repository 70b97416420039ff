"""`POST {scope}/providers/Microsoft.CostManagement/query`."""

import base64
import hashlib
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import msgspec

from emulators.azure.buckets import Limits, Windows
from emulators.azure.cost.answer import Rows, columns_of, rows_of
from emulators.azure.cost.definition import Definition, months, read_definition
from emulators.azure.cost.lines import CostTable
from emulators.azure.errors import JSON, json_reply
from emulators.azure.fault_errors import bad_page, cost_throttled
from emulators.azure.faults import FaultKind, Faults
from emulators.azure.operations import Operation, path
from emulators.azure.places import RESOURCE_MANAGER
from emulators.azure.request import AzureRequest
from emulators.azure.subscriptions import Subscription, Subscriptions
from emulators.core.reply import Reply

_VERSIONS = frozenset(
    {"2019-11-01", "2021-10-01", "2022-10-01", "2023-03-01", "2023-08-01", "2023-11-01", "2024-08-01", "2025-03-01"}
)
_ACTION = "Microsoft.CostManagement/query/read"
_SCOPE = (
    r"(?P<scope>/subscriptions/[^/]+(?:/resourceGroups/[^/]+)?"
    r"|/providers/Microsoft\.Management/managementGroups/[^/]+"
    r"|/providers/Microsoft\.Billing/billingAccounts/[^/]+(?:/[^/]+/[^/]+)*)"
)
_WINDOWS = {10: "QueriesPer10Sec", 60: "QueriesPerMin", 3600: "QueriesPerHour"}
_KEPT = 8


class CostManagement:
    """Groups the lines of the table at every query; the pages of one query are cut from one result."""

    def __init__(
        self,
        table: CostTable,
        subscriptions: Subscriptions,
        clock: Callable[[], float],
        *,
        faults: Faults,
        limits: Limits,
    ) -> None:
        self._table = table
        self._subscriptions = subscriptions
        self._clock = clock
        self._faults = faults
        self._limits = limits
        self._units = Windows(time.monotonic)
        self._calls = Windows(time.monotonic)
        self._lock = threading.Lock()
        self._results: OrderedDict[tuple[int, str], Rows] = OrderedDict()

    def operations(self) -> list[Operation]:
        """What it serves."""
        where = path(f"{_SCOPE}/providers/Microsoft.CostManagement/query")
        return [
            Operation(
                "costmanagement:query",
                "POST",
                where,
                self._query,
                service=RESOURCE_MANAGER,
                versions=_VERSIONS,
                action=_ACTION,
            )
        ]

    def _query(self, request: AzureRequest) -> Reply:
        today = datetime.fromtimestamp(self._clock(), UTC).date()
        asked = read_definition(request.json, self._table.agreement.get(request.subscription, "payg"), today)
        headers = self._take(request, months(asked.first, asked.last))
        if self._faults.strikes(FaultKind.NO_CONTENT, request):
            return Reply(204, b"", JSON, headers)
        digest = _digest(request)
        first = _first(request, digest)
        rows = self._rows(request, asked, digest)
        last = first + self._table.page_size
        name = str(uuid.uuid4())
        payload = {
            "id": f"{request.scope.lstrip('/')}/providers/Microsoft.CostManagement/query/{name}",
            "name": name,
            "type": "Microsoft.CostManagement/query",
            "location": None,
            "sku": None,
            "eTag": None,
            "properties": {
                "nextLink": _link(request, last, digest) if last < len(rows) else None,
                "columns": columns_of(asked),
                "rows": rows[first:last],
            },
        }
        return json_reply(payload, headers=headers)

    def _take(self, request: AzureRequest, units: int) -> dict[str, str]:
        limits = self._limits
        # A ClientType has units of its own.
        client_type = request.headers.get("clienttype", "")
        left, wait = self._units.take((request.tenant, client_type), units, limits.cost_units)
        waits = {"qpu": wait} if wait else {}
        if not waits:
            _, wait = self._calls.take(request.scope.lower(), 1, [limits.cost_calls])
            waits = {"entity": wait} if wait else {}
        remaining = {
            _WINDOWS.get(int(seconds), f"QueriesPer{seconds}Sec"): n
            for n, (_, seconds) in zip(left, limits.cost_units, strict=True)
        }
        told = {
            "x-ms-ratelimit-microsoft.costmanagement-qpu-consumed": f"{units}",
            "x-ms-ratelimit-microsoft.costmanagement-qpu-remaining": ",".join(
                f"{name}:{n:g}" for name, n in remaining.items()
            ),
        }
        if waits:
            error = cost_throttled(waits)
            error.headers |= told
            raise error
        return told

    def _rows(self, request: AzureRequest, asked: Definition, digest: str) -> Rows:
        key = (self._table.version, digest)
        with self._lock:
            found = self._results.get(key)
        if found is None:
            group = request.resource_group
            lines = (
                (subscription, day, line)
                for subscription in self._of(request)
                for day, line in self._table.between(subscription.id, asked.first, asked.last)
                if group in {"", line.resource_group}
            )
            found = rows_of(asked, lines)
            with self._lock:
                self._results[key] = found
                while len(self._results) > _KEPT:
                    self._results.popitem(last=False)
        return found

    def _of(self, request: AzureRequest) -> list[Subscription]:
        """The subscriptions of the scope: one, or all of the tenant that the caller may see the costs of."""
        all_of = self._subscriptions.of(request.tenant)
        if request.subscription:
            return [one for one in all_of if one.id == request.subscription]
        return [one for one in all_of if not self._faults.denied(_ACTION, f"/subscriptions/{one.id}")]


def _digest(request: AzureRequest) -> str:
    told = request.scope.lower().encode() + msgspec.json.encode(request.json, order="deterministic")
    return hashlib.sha256(told).hexdigest()[:16]


def _first(request: AzureRequest, digest: str) -> int:
    token = request.query.get("$skiptoken")
    if not token:
        return 0
    try:
        read = msgspec.json.decode(base64.urlsafe_b64decode(token), type=dict[str, Any])
    except ValueError as error:
        raise bad_page(request) from error
    if read.get("of") != digest:
        raise bad_page(request)
    return int(read["first"])


def _link(request: AzureRequest, first: int, digest: str) -> str:
    token = base64.urlsafe_b64encode(msgspec.json.encode({"first": first, "of": digest})).decode()
    version = quote(request.query["api-version"])
    return f"{request.base}{request.path}?api-version={version}&$skiptoken={quote(token)}"
