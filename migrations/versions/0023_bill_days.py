"""The view of the days of bills, which ``finfleet db migrate`` makes of its file, goes with what it reads."""

from __future__ import annotations

from migrations.script import run_file

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply: no table changes."""


def downgrade() -> None:
    """Take back."""
    run_file("0023_bill_days_down.sql")
