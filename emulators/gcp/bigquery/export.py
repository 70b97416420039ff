"""The tables: loaded with rows of the billing export, kept in an embedded engine."""

import json
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from emulators.gcp.bigquery.schema import DETAILED, FOCUS, PARTITION, STANDARD, Field
from emulators.gcp.projects import Projects

_DETAILED_MARK = "gcp_billing_export_resource_v1"
_FOCUS_MARK = "gcp_billing_export_focus"
_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "threads": "2",
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}


@dataclass
class Table:
    """One export table. `rows` is what was loaded, as it was given; `number` names it in the engine."""

    name: str
    fields: tuple[Field, ...]
    number: int
    rows: list[Mapping[str, Any]] = field(default_factory=list)
    is_view: bool = False
    """Has no partitions."""

    @property
    def exported(self) -> str:
        """The column that says when a row was exported."""
        return "x_ExportTime" if self.fields is FOCUS else "export_time"

    @property
    def data(self) -> str:
        """Its rows in the engine."""
        return f"export_{self.number}"

    @property
    def sizes(self) -> str:
        """The bytes of its rows by column, in the engine."""
        return f"sizes_{self.number}"


class BillingExport:
    """Export tables by `project.dataset.table`.

    Rows are dictionaries with the export's fields; those that are left out are null. A row lands in the partition of
    the day of its `export_time` (of FOCUS `x_ExportTime`). `byte_scale` multiplies the bytes that are metered: a
    small table may stand for a large one.
    """

    def __init__(self, projects: Projects) -> None:
        self._lock = threading.RLock()
        self._projects = projects
        self._tables: dict[str, Table] = {}
        self._connection: Any = None
        self.byte_scale = 1
        self.generation = 0
        """Grows with each change, so that results from before are not given again."""

    def create(self, table: str, *, detailed: bool | None = None, view: bool = False) -> Table:
        """Make an empty table; a detailed one where its name says so. A `view` is one without partitions.

        Raises:
            ValueError: the name is not `project.dataset.table`.
        """
        parts = table.split(".")
        if len(parts) != len(("project", "dataset", "table")):
            raise ValueError(f"{table!r} is not project.dataset.table")
        self._projects.add(parts[0])
        fields = DETAILED if (detailed if detailed is not None else _DETAILED_MARK in parts[2]) else STANDARD
        fields = FOCUS if _FOCUS_MARK in parts[2] else fields
        with self._lock:
            made = Table(table, fields, len(self._tables), is_view=view)
            engine = self._engine()
            columns = ", ".join(f'"{one.name}" {one.sql}' for one in fields)
            engine.execute(f"CREATE TABLE {made.data} ({columns}, {PARTITION} TIMESTAMPTZ)")
            sizes = ", ".join(f'"{one.name}" BIGINT' for one in fields)
            engine.execute(f"CREATE TABLE {made.sizes} ({sizes}, {PARTITION} TIMESTAMPTZ)")
            self._tables[table] = made
        return made

    def load(self, table: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Append rows; the table is made where it is missing.

        Raises:
            ValueError: a row without the time of its export, or with a field that the export does not have.
        """
        with self._lock:
            held = self._tables.get(table) or self.create(table)
            given = list(rows)
            self._append(held, given)
            held.rows.extend(given)
            self.generation += 1

    def clear(self) -> None:
        """Drop every table."""
        with self._lock:
            self._tables.clear()
            self.generation += 1
            self.close()

    def rows(self, table: str) -> list[Mapping[str, Any]]:
        """Every row that was loaded, in order.

        Raises:
            KeyError: there is no such table.
        """
        return list(self._tables[table].rows)

    def table(self, name: str) -> Table | None:
        """A table by `project.dataset.table`."""
        return self._tables.get(name)

    def names(self) -> list[str]:
        """Every table, as `project.dataset.table`."""
        with self._lock:
            return sorted(self._tables)

    def has_dataset(self, name: str) -> bool:
        """Whether there is a table in `project.dataset`."""
        return any(table.startswith(f"{name}.") for table in self._tables)

    def cursor(self) -> Any:
        """A connection of its own to the engine."""
        with self._lock:
            return self._engine().cursor()

    def close(self) -> None:
        """Let the engine go."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _engine(self) -> Any:
        if self._connection is None:
            import duckdb  # noqa: PLC0415  # loaded where there is an export

            self._connection = duckdb.connect(":memory:", config=_SETTINGS)
            self._connection.execute("SET TimeZone = 'UTC'")
        return self._connection

    def _append(self, table: Table, rows: list[Mapping[str, Any]]) -> None:
        plain, sizes = [], []
        for row in rows:
            exported = row.get(table.exported)
            if not isinstance(exported, datetime):
                raise ValueError(f"{table.exported} is {exported!r}: a datetime is needed")  # noqa: TRY004  # a bad row
            known = {one.name for one in table.fields}
            if unknown := row.keys() - known:
                raise ValueError(f"no such field in the export: {', '.join(sorted(unknown))}")
            partition = exported.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0).isoformat()
            plain.append({one.name: one.plain(row.get(one.name)) for one in table.fields} | {PARTITION: partition})
            sizes.append({one.name: one.size(row.get(one.name)) for one in table.fields} | {PARTITION: partition})
        columns = [f'"{one.name}" {one.sql}' for one in table.fields]
        self._insert(table.data, columns, plain)
        self._insert(table.sizes, [f'"{one.name}" BIGINT' for one in table.fields], sizes)

    def _insert(self, into: str, columns: list[str], rows: list[dict[str, Any]]) -> None:
        shape = ", ".join([*columns, f"{PARTITION} TIMESTAMPTZ"])
        # The names are our own, the values a parameter.
        self._engine().execute(
            f"INSERT INTO {into} SELECT unnest(CAST(CAST(? AS JSON) AS STRUCT({shape})[]), max_depth := 2)",
            [json.dumps(rows)],
        )
