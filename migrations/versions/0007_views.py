"""From here on the views are those of ``storage/views``, which are made after migrating (docs/adr/0014-views.md)."""

from __future__ import annotations

import re
from importlib.resources import files

from migrations.script import driver_connection
from storage import views

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_BEFORE = ("0002_reporting.sql", "0003_costs.sql", "0004_outages.sql", "0005_partial.sql", "0006_sources.sql")
_STATEMENT = re.compile(
    r"^(?:CREATE VIEW|CREATE OR REPLACE VIEW|COMMENT ON VIEW|COMMENT ON COLUMN) reporting\.(\w+).*?;$",
    re.MULTILINE | re.DOTALL,
)
_GRANT = """
DO $$
BEGIN
    IF to_regrole('finfleet_reader') IS NOT NULL THEN
        GRANT SELECT ON {} TO finfleet_reader;
    END IF;
END
$$
"""


def upgrade() -> None:
    """Apply: nothing, since the views that are there are changed where they differ."""


def downgrade() -> None:
    """Take back: the views are again those that the migrations before this one make.

    Of the files, which change, it only takes the names of the views that are there.
    """
    driver = driver_connection()
    views.drop(driver, views.load())
    names: set[str] = set()
    for file in _BEFORE:
        for statement in _STATEMENT.finditer(files("migrations").joinpath("sql", file).read_text(encoding="utf-8")):
            driver.execute(statement[0].encode())
            names.add(f"reporting.{statement[1]}")
    driver.execute(_GRANT.format(", ".join(sorted(names))).encode())
