"""Settled windows as ranges a target and month, and what runs took as a summary a day."""

from __future__ import annotations

from migrations.script import run_file

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    run_file("0015_folded_ledger.sql")


def downgrade() -> None:
    """Take back."""
    run_file("0015_folded_ledger_down.sql")
