"""How long questions take on a seeded year, and what is read for them: `python -m benchmarks.queries`.

Every view of the catalogue with the filter that its comment advises, every panel of the dashboards, every SELECT of the
documentation, every named question, and what finfleet asks itself; each warm, as its own role. Times are the server's.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import frame
from benchmarks.servers import running
from benchmarks.year import seed as year
from benchmarks.year.measuring import READER, Measured, measure, plan_of, statements_of, timed
from benchmarks.year.ours import Fleet, fleet
from benchmarks.year.questions import Question, Span, completeness, examples, named, panels, views
from storage import sql
from storage.database import Connection, Database

SLOW = 1.0
MONTH = 30 * year.DAY
_TITLES = {
    "view": "views, all columns, by the filter that their comment advises: a month, of readings a day",
    "panel": "panels of the dashboards, over a month",
    "panel of a day": "panels of the dashboards, over a day",
    "documentation": "questions that the documentation shows",
    "question": "named questions, by their usual days (finfleet query)",
}
_COLUMNS = ("", "filtered by", "seconds", "rows", "rows read", "pages", "")


@dataclass
class Walk:
    """Asks everything, and remembers what was slow."""

    connection: Connection
    rounds: int
    limit: float
    slow: dict[str, float | None] = field(default_factory=dict)
    #: A file for the plans of what is slow.
    plans: Path | None = None
    unadvised: list[str] = field(default_factory=list)
    asked: int = 0

    def read(self, questions: Iterable[Question]) -> None:
        """Measure statements of people, a table for each kind."""
        rows: dict[str, list[list[str]]] = {}
        for question in questions:
            found = self._measure(f"{question.of} {question.name}", question.statement, question.values, READER)
            if not question.filter:
                self.unadvised.append(question.name)
            cells = _cells(question.name, found)
            cells.insert(1, question.filter or "nothing is advised")
            rows.setdefault(question.of, []).append(cells)
        for of, table in rows.items():
            frame.show(_TITLES[of], _COLUMNS, table)

    def ask(self, of: Fleet) -> None:
        """Measure functions of ours, by statement."""
        names = _names()
        rows = []
        for name, work in of.questions().items():
            whole = timed(work, self.rounds)
            self.asked += 1
            self._note(name, whole)
            rows.append(_cells(name, Measured(whole)))
            for statement in statements_of(work):
                label = names.get(statement.text)
                if label is None:
                    continue  # settings of the session
                found = self._measure(f"{name}: {label}", statement.text, statement.values)
                rows.append(_cells(f"  {label}", found))
        told = timed(of.command, self.rounds) if of.command() else None
        self._note("finfleet status, the command", told)
        rows.append(_cells("finfleet status, the command", Measured(told)))
        frame.show("what finfleet asks itself, and the statements of each", ("", *_COLUMNS[2:]), rows)

    def _measure(self, name: str, statement: bytes, values: object = None, role: str = "") -> Measured:
        self.asked += 1
        found = measure(self.connection, statement, values, rounds=self.rounds, limit=self.limit, role=role)
        if self._note(name, found.seconds) and self.plans:
            plan = plan_of(self.connection, statement, values, limit=self.limit, role=role)
            with self.plans.open("a", encoding="utf-8") as file:
                file.write(f"== {name}: {_seconds(found.seconds)}\n{statement.decode()}\n{values or ''}\n{plan}\n\n")
        return found

    def _note(self, name: str, seconds: float | None) -> bool:
        slow = seconds is None or seconds >= SLOW
        if slow:
            self.slow[name] = seconds
        return slow


def main() -> None:
    """Seed, walk, and print the tables."""
    parser = frame.parser(__doc__, scale=1.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--limit", type=float, default=120.0, help="seconds that one question may take [%(default)s]")
    parser.add_argument("--plans", type=Path, help="a file that the plans of what is slow are appended to")
    arguments = parser.parse_args()
    size = year.Size(arguments.scale)
    with ExitStack() as stack:
        servers = stack.enter_context(running())
        folder = Path(stack.enter_context(TemporaryDirectory()))
        database = stack.enter_context(Database(servers.database, size=2))
        connection = stack.enter_context(database.connection())
        now = year.clock(connection)
        start = time.perf_counter()
        year.seed(connection, size, now)
        frame.say(f"{size} seeded in {time.perf_counter() - start:.0f} s")
        connection.execute(f"GRANT {READER} TO CURRENT_USER".encode())
        span = Span(now - MONTH, now)
        walk = Walk(connection, arguments.rounds, arguments.limit, plans=arguments.plans)
        walk.read(views(connection, span))
        walk.read(panels(span))
        walk.read(panels(span._replace(start=now - year.DAY), of="panel of a day"))
        walk.read(examples())
        walk.read([*named(now.date()), completeness(now.date())])
        walk.ask(stack.enter_context(fleet(servers, database, now, folder)))
    _conclude(walk, arguments.scale)


def _conclude(walk: Walk, scale: float) -> None:
    for name in walk.unadvised:
        frame.say(f"no advice: the comment on reporting.{name} says no `Name a range of ...`, so all of it was read")
    for name, seconds in sorted(walk.slow.items(), key=lambda one: -(one[1] or float("inf"))):
        frame.say(f"slow: {name}: {_seconds(seconds)}")
    slowest = max(walk.slow.items(), key=lambda one: one[1] or float("inf"), default=("", 0.0))
    figures = {"scale": f"{scale:g}", "questions": str(walk.asked), f"of {SLOW:g} s or more": str(len(walk.slow))}
    if slowest[0]:
        figures["slowest"] = f"{slowest[0]} {_seconds(slowest[1])}"
    frame.conclude(figures)


def _names() -> Mapping[bytes, str]:
    """Statements of `storage/sql` by their text."""
    files = (frame.ROOT / "storage" / "sql").glob("*.sql")
    return {text: f"{path.stem}.{name}" for path in files for name, text in sql.load(path.stem).items()}


def _cells(name: str, found: Measured) -> list[str]:
    figures = ["" if figure is None else f"{figure:,}" for figure in (found.rows, found.rows_read, found.pages)]
    return [name, _seconds(found.seconds), *figures, "SLOW" if found.seconds is None or found.seconds >= SLOW else ""]


def _seconds(seconds: float | None) -> str:
    return "not in time" if seconds is None else f"{seconds:.3f}"


if __name__ == "__main__":
    main()
