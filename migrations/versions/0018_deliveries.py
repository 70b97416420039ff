"""Deliveries of bills are windows of the ledger."""

from __future__ import annotations

from migrations.script import run_file

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    run_file("0018_deliveries.sql")


def downgrade() -> None:
    """Take back."""
    run_file("0018_deliveries_down.sql")
