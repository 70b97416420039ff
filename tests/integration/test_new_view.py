"""A new view is one file, as CONTRIBUTING.md says: the one that it shows, in a copy of the source."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

ROOT = Path(__file__).parents[2]
SHOWN = re.compile(r"^```sql\n(CREATE VIEW reporting\.(\w+) .*?)^```$", re.MULTILINE | re.DOTALL)
_DESCRIBED = """
SELECT has_table_privilege('finfleet_reader', c.oid, 'SELECT'), obj_description(c.oid, 'pg_class'),
       array_agg(col_description(a.attrelid, a.attnum) ORDER BY a.attnum)
  FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0
 WHERE c.oid = to_regclass(%s)
 GROUP BY c.oid
"""
_BACK = """
import os
from pydantic import SecretStr
from storage.migrate import check_drift, downgrade
url = SecretStr(os.environ["FINFLEET_DATABASE_URL"])
check_drift(url)
downgrade(url, "base")
"""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The packages that `finfleet db` is made of."""
    for package in ("agents", "migrations", "storage", "tasks", "telemetry", "workers"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def run(copy: Path, url: str, *words: str) -> None:
    """Run a Python with the packages of the copy."""
    environment = {**os.environ, "PYTHONPATH": str(copy), "FINFLEET_DATABASE_URL": url}
    command = [sys.executable, "-P", *words]
    done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stderr


def test_one_file_makes_a_view_that_the_reader_sees_with_what_it_means(copy: Path, database_url: str) -> None:
    ((text, name),) = SHOWN.findall(ROOT.joinpath("CONTRIBUTING.md").read_text())
    path = copy / "storage" / "views" / f"{name}.sql"

    def described(connection: psycopg.Connection[Any]) -> tuple[Any, ...]:
        return connection.execute(_DESCRIBED, (f"reporting.{name}",)).fetchone() or ()

    with psycopg.connect(database_url, autocommit=True) as connection:
        assert described(connection) == ()
        path.write_text(text)
        run(copy, database_url, "-m", "workers.cli", "db", "migrate")
        may_read, means, columns = described(connection)
        assert may_read
        assert means == "How many resources each account has."
        assert columns[0] == "Cloud or source: aws, azure, gcp, generic ..."
        assert all(columns)

        path.write_text(text.replace("How many", "The number of"))
        run(copy, database_url, "-m", "workers.cli", "db", "migrate")
        assert described(connection)[1] == "The number of resources each account has."

        # No migration knows it, and none of them is held up by it on the way back.
        run(copy, database_url, "-c", _BACK)
        assert connection.execute("SELECT to_regnamespace('reporting')").fetchone() == (None,)
