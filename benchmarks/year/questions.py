"""What is asked of the year: found by looking, so that a new view, panel or example is asked too."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from psycopg import sql

from storage import questions
from storage.database import Connection
from storage.sql import load as sql_of

ROOT = Path(__file__).parents[2]
_ADVICE = re.compile(r"\b[Nn]ame ((?:(?:a range of|of|one|an|a) [A-Za-z_]+(?:, and |, | and )?)+)")
_NAMED = re.compile(r"(a range of|of|one|an|a) ([A-Za-z_]+)")
_OVERLAP = re.compile(r"\bask for ([a-z_]+) < its end AND ([a-z_]+) > its beginning")
_RANGE, _ONE, _BEFORE, _AFTER = "a range of", "one", "before", "after"
_READINGS = "start"
"""Where a range of it is advised, a day is asked for: there are hundreds of rows a day of each thing. Else a month."""
_BLOCK = re.compile(r"^```sql\n(.*?)^```", re.MULTILINE | re.DOTALL)
_VIEWS = b"""
SELECT v.viewname, coalesce(obj_description(format('reporting.%I', v.viewname)::regclass, 'pg_class'), '')
  FROM pg_views AS v
 WHERE v.schemaname = 'reporting'
 ORDER BY v.viewname
"""
_COLUMNS = b"""
SELECT a.attname, format_type(a.atttypid, a.atttypmod)
  FROM pg_attribute AS a
 WHERE a.attrelid = format('reporting.%%I', %s::text)::regclass AND a.attnum > 0
"""


class Question(NamedTuple):
    """A statement of somebody who reads."""

    #: view, panel, panel of a day, documentation, question.
    of: str
    name: str
    statement: bytes
    #: What it is filtered by; empty where nothing says what it should be.
    filter: str = ""
    values: Any = None


class Span(NamedTuple):
    """The last days, as a dashboard shows them."""

    start: datetime
    end: datetime


class Filter(NamedTuple):
    """What a view is to be asked by."""

    kind: str
    column: str
    #: Of the column.
    type: str


def views(connection: Connection, span: Span) -> Iterator[Question]:
    """Every view of the catalogue, all columns, with the filter that its comment advises: ``Name a range of day``."""
    for name, comment in connection.execute(_VIEWS).fetchall():
        types: dict[str, str] = dict(connection.execute(_COLUMNS, (name,)).fetchall())
        view = sql.Identifier("reporting", name)
        advice = [Filter(kind, column, types[column]) for kind, column in advised(comment) if column in types]
        day = Span(max(span.start, span.end - timedelta(days=1)), span.end)
        asked = day if any((one.kind, one.column) == (_RANGE, _READINGS) for one in advice) else span
        parts = [_condition(connection, view, one, asked) for one in advice]
        where = sql.SQL(" WHERE {}").format(sql.SQL(" AND ").join(parts)) if parts else sql.SQL("")
        statement = sql.SQL("SELECT * FROM {}{}").format(view, where)
        yield Question("view", name, statement.as_bytes(connection), ", ".join(one.column for one in advice))


def advised(comment: str) -> list[tuple[str, str]]:
    """How a view is to be filtered, as its comment says: by a range of a column, or by one value of it.

    ``Name one breakdown, and a range of start, and of day``; ``ask for start < its end AND until > its beginning``.
    """
    found: list[tuple[str, str]] = []
    for advice in _ADVICE.findall(comment):
        for kind, column in _NAMED.findall(advice):
            # A second range may be short: a range of start, and of day.
            found.append((_RANGE if kind == "of" else kind if kind == _RANGE else _ONE, column))
    for before, after in _OVERLAP.findall(comment):
        found += [(_BEFORE, before), (_AFTER, after)]
    return found


def _condition(connection: Connection, view: sql.Identifier, of: Filter, span: Span) -> sql.Composable:
    name, of_type = sql.Identifier(of.column), sql.SQL(of.type)
    start, end = (sql.SQL("{}::{}").format(sql.Literal(at.isoformat()), of_type) for at in span)
    if of.kind == _ONE:
        row = connection.execute(sql.SQL("SELECT {}::text FROM {} LIMIT 1").format(name, view)).fetchone()
        return sql.SQL("{} = {}::{}").format(name, sql.Literal(row[0] if row else None), of_type)
    if of.kind == _BEFORE:
        return sql.SQL("{} < {}").format(name, end)
    if of.kind == _AFTER:
        return sql.SQL("{} > {}").format(name, start)
    return sql.SQL("{0} >= {1} AND {0} <= {2}").format(name, start, end)


def panels(span: Span, folder: Path = ROOT / "deploy", *, of: str = "panel") -> Iterator[Question]:
    """Every statement of every dashboard, its choices included."""
    for path in sorted(folder.rglob("*.json")):
        dashboard = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(dashboard, dict) or "panels" not in dashboard:
            continue
        for panel in dashboard["panels"]:
            for target in panel.get("targets", ()):
                if "rawSql" in target:
                    yield Question(of, panel["title"], as_grafana(target["rawSql"], span), "its own")
        for variable in dashboard["templating"]["list"]:
            asked = variable["query"]
            if isinstance(asked, str) and asked.lstrip().upper().startswith("SELECT"):
                yield Question(of, f"choice of {variable['name']}", as_grafana(asked, span), "its own")


def as_grafana(statement: str, span: Span) -> bytes:
    """What Grafana makes of a panel's SQL."""
    times = {"From": f"'{span.start.isoformat()}'::timestamptz", "To": f"'{span.end.isoformat()}'::timestamptz"}
    between = rf"\1 BETWEEN {times['From']} AND {times['To']}"
    statement = re.sub(r"\$__timeFilter\(([\w.]+)\)", between, statement)
    statement = re.sub(r"\$__time(From|To)\(\)", lambda found: times[found[1]], statement)
    return statement.replace("${provider:sqlstring}", "'aws','azure','gcp'").encode()


def named(today: date) -> Iterator[Question]:
    """Every question that has a name, as it is asked where nothing else is said."""
    for one in questions.load().values():
        bound = questions.values_of(one, questions.Given(), today).bound
        yield Question("question", one.name, one.statement, "may be slow" if one.slow else "its own", bound)


def completeness(today: date) -> Question:
    """What is said beside the answers about the bill."""
    one = questions.load()["monthly_costs"]
    values = questions.values_of(one, questions.Given(), today)
    bound = {**values.bound, "from": values.since, "to": values.until}
    return Question("question", "how complete 13 months are", sql_of("questions")["days"], "its own", bound)


def examples(root: Path = ROOT) -> Iterator[Question]:
    """Every question in SQL that the documentation shows."""
    for path in [root / "README.md", *sorted((root / "docs").glob("*.md"))]:
        for block in _BLOCK.findall(path.read_text(encoding="utf-8")):
            statements = re.sub(r"--.*", "", block).split(";")
            for statement in (one.strip() for one in statements):
                if statement.upper().startswith("SELECT"):
                    shown = re.sub(r"\s+", " ", statement)
                    yield Question("documentation", f"{path.name}: {shown[:60]}", statement.encode(), "its own")
