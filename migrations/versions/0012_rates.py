"""Rates are intervals: what is older than some hours becomes a row for each change, beside the table as it was."""

from __future__ import annotations

from migrations.script import run_file

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    run_file("0012_rates.sql")


def downgrade() -> None:
    """Take back: rates that were folded are rows again."""
    run_file("0012_rates_down.sql")
