"""Whose each charge is by the rules of the time, and exchange rates with the history of each."""

from __future__ import annotations

from migrations.script import run_file

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    run_file("0024_allocation.sql")


def downgrade() -> None:
    """Take back."""
    run_file("0024_allocation_down.sql")
