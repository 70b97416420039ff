"""Results as REST has them: a schema, and cells that are strings or nested."""

import json
from datetime import UTC, date, datetime
from typing import Any

_TYPES = {
    "bigint": "INTEGER",
    "hugeint": "INTEGER",
    "integer": "INTEGER",
    "smallint": "INTEGER",
    "tinyint": "INTEGER",
    "uhugeint": "INTEGER",
    "ubigint": "INTEGER",
    "double": "FLOAT",
    "float": "FLOAT",
    "decimal": "NUMERIC",
    "boolean": "BOOLEAN",
    "varchar": "STRING",
    "date": "DATE",
    "time": "TIME",
    "timestamp": "DATETIME",
    "timestamp with time zone": "TIMESTAMP",
    "null": "INTEGER",
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def field(name: str, kind: Any, mode: str = "NULLABLE") -> dict[str, Any]:
    """A column of a result. `kind` is the engine's type."""
    if kind.id in {"list", "array"}:
        return field(name, kind.children[0][1], "REPEATED")
    if str(kind) == "JSON":
        return {"name": name, "type": "JSON", "mode": mode}
    if kind.id == "struct":
        inner = [field(child, of) for child, of in kind.children]
        return {"name": name, "type": "RECORD", "mode": mode, "fields": inner}
    return {"name": name, "type": _TYPES.get(kind.id, "STRING"), "mode": mode}


def row(schema: list[dict[str, Any]], values: tuple[Any, ...], *, whole_times: bool) -> dict[str, Any]:
    """A row. `whole_times` gives a TIMESTAMP as whole microseconds, as the clients ask for; else as seconds."""
    cells = zip(schema, values, strict=True)
    return {"f": [{"v": _cell(column, value, whole_times=whole_times)} for column, value in cells]}


def _cell(column: dict[str, Any], value: Any, *, whole_times: bool) -> Any:
    if column["mode"] == "REPEATED":
        one = column | {"mode": "NULLABLE"}
        return [{"v": _cell(one, item, whole_times=whole_times)} for item in value or ()]
    if value is None:
        return None
    if column["type"] == "RECORD":
        return row(column["fields"], tuple(value.values()), whole_times=whole_times)
    if column["type"] == "TIMESTAMP":
        since = value - _EPOCH
        micros = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
        return str(micros) if whole_times else repr(micros / 1e6)
    return _text(value)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    return value if isinstance(value, str) else json.dumps(value) if isinstance(value, list | dict) else str(value)
