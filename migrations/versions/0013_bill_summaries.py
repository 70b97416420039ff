"""Bills have summaries, made by the transaction that settles a window, and for those that are there by maintenance."""

from __future__ import annotations

from migrations.script import run_file

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    run_file("0013_bill_summaries.sql")


def downgrade() -> None:
    """Take back."""
    run_file("0013_bill_summaries_down.sql")
