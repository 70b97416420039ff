"""`POST /v1/workspaces/{id}/query`."""

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from emulators.azure.buckets import Limits, Windows
from emulators.azure.errors import AzureError, json_reply
from emulators.azure.fault_errors import Form, denied, throttled
from emulators.azure.faults import FaultKind, Faults
from emulators.azure.kql import KqlError, Table, parse
from emulators.azure.kql.values import iso, kind_of
from emulators.azure.logs.store import COLUMNS, LogStore, Workspace
from emulators.azure.metrics.store import Span
from emulators.azure.operations import Operation, path
from emulators.azure.places import LOGS
from emulators.azure.request import AzureRequest
from emulators.core.reply import Reply

_ACTION = "Microsoft.OperationalInsights/workspaces/query/read"
_DURATION = re.compile(r"P(?:(\d+(?:\.\d+)?)D)?(?:T(?:(\d+(?:\.\d+)?)H)?(?:(\d+(?:\.\d+)?)M)?(?:(\d+(?:\.\d+)?)S)?)?")
_ALL_TIME: Span = (0, 2**31)


class LogsQuery:
    """Answers queries over the tables of one workspace."""

    def __init__(self, store: LogStore, clock: Callable[[], float], *, faults: Faults, limits: Limits) -> None:
        self._store = store
        self._clock = clock
        self._faults = faults
        self._limits = limits
        self._quota = Windows(time.monotonic)

    def operations(self) -> list[Operation]:
        """What it serves."""
        return [
            Operation(
                "logs:query",
                "POST",
                path("/v1/workspaces/(?P<workspace>[^/]+)/query"),
                self._query,
                service=LOGS,
                action=_ACTION,
            )
        ]

    def _query(self, request: AzureRequest) -> Reply:
        _, wait = self._quota.take((request.tenant, request.principal), 1, [self._limits.logs])
        if wait:
            raise throttled(request, Form.RETRY_AFTER, wait)
        workspace = self._workspace(request)
        body = request.json
        if not isinstance(body.get("query"), str):
            raise _bad_argument("QueryValidationError", "The request had no query")
        span = self._span(body.get("timespan"))
        tables = {name: partial(workspace.table, name, span) for name in COLUMNS}
        try:
            result = parse(body["query"], self._now()).run(tables)
        except KqlError as wrong:
            kind = "SyntaxError" if "Syntax error" in str(wrong) else "SemanticError"
            raise _bad_argument(kind, str(wrong)) from wrong
        partly = self._faults.strikes(FaultKind.PARTIAL, request)
        most = len(result.rows) // 2 if partly else self._store.most_rows
        payload: dict[str, Any] = {"tables": [_table(Table(result.columns, result.rows[:most]))]}
        if partly or len(result.rows) > most:
            payload["error"] = _partial(most)
        return json_reply(payload)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)

    def _workspace(self, request: AzureRequest) -> Workspace:
        found = self._store.get(request.parts["workspace"])
        if found is None or found.tenant != request.tenant:
            raise AzureError(404, "WorkspaceNotFoundError", "The workspace could not be found")
        scope = f"/subscriptions/{found.subscription}"
        if self._faults.denied(_ACTION, scope):
            raise denied(request, _ACTION, scope)
        return found

    def _span(self, text: Any) -> Span:
        """The minutes of an ISO 8601 interval or duration, as far as they are over."""
        now = self._now()
        if not text:
            return _ALL_TIME[0], _minute(now)
        start, found, end = str(text).partition("/")
        try:
            if not found:
                return _minute(now - _duration(start)), _minute(now)
            first = datetime.fromisoformat(start)
            last = first + _duration(end) if end.startswith("P") else datetime.fromisoformat(end)
        except ValueError as error:
            raise _bad_argument("TimespanValidationError", f"The timespan '{text}' is invalid") from error
        return _minute(first), min(_minute(last), _minute(now))


def _duration(text: str) -> timedelta:
    found = _DURATION.fullmatch(text)
    if found is None:
        raise ValueError(text)
    days, hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def _minute(moment: datetime) -> int:
    return -(-int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()) // 60)


def _table(table: Table) -> dict[str, Any]:
    kinds = [kind_of([row[name] for row in table.rows]) for name in table.columns]
    columns = [{"name": name, "type": kind} for name, kind in zip(table.columns, kinds, strict=True)]
    rows = [[_plain(row[name]) for name in table.columns] for row in table.rows]
    return {"name": "PrimaryResult", "columns": columns, "rows": rows}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return iso(value)
    return str(value) if isinstance(value, timedelta) else value


def _bad_argument(kind: str, text: str) -> AzureError:
    inner = {"code": kind, "message": text}
    return AzureError(400, "BadArgumentError", "The request had some invalid properties", inner=inner)


def _partial(most: int) -> dict[str, Any]:
    inner = {
        "code": "-2133196797",
        "message": f"The results of this query exceed the set limit of {most} records: not all were returned.",
        "severity": 2,
        "severityName": "Error",
    }
    text = "Something went wrong processing your query on the server."
    return {
        "code": "PartialError",
        "message": "There were some errors when processing your query.",
        "details": [{"code": "EngineError", "message": text, "innererror": inner}],
    }
