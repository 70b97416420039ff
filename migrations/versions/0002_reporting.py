"""The views that people read, and the role that sees only them."""

from __future__ import annotations

from migrations.script import run_file

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    run_file("0002_reporting.sql")


def downgrade() -> None:
    """Take back."""
    run_file("0002_reporting_down.sql")
