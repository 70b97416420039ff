"""The data dictionary in the documentation is what the comments in a database of this release say."""

import json
from pathlib import Path

from storage.database import Connection, Database
from storage.questions import load
from storage.reports.dictionary import dictionary
from tests.support.command_runs import RunsFinfleet
from tests.support.commands import CommandLine

PAGE = Path(__file__).parents[2] / "docs" / "data-dictionary.md"


def test_the_page_is_current(database_url: str, tmp_path: Path, finfleet_program: RunsFinfleet) -> None:
    finfleet = CommandLine(tmp_path, database_url, "redis://127.0.0.1:1/0", finfleet_program)
    said = finfleet.run("db", "dictionary").stdout.decode()
    assert PAGE.read_text(encoding="utf-8") == said, "finfleet db dictionary > docs/data-dictionary.md"
    assert not [name for name in load() if f"### {name}\n" not in said]
    told = json.loads(finfleet.run("db", "dictionary", "--json").stdout)
    assert {"bill_days", "costs"} <= {view["name"] for view in told["views"]}


def test_nothing_is_without_a_meaning(database: Database) -> None:
    with database.connection() as connection:
        _check(connection)


def _check(connection: Connection) -> None:
    found = dictionary(connection)
    assert not [view.name for view in found.views if not view.meaning or not all(c.meaning for c in view.columns)]
    assert not [function.name for function in found.functions if not function.meaning]
