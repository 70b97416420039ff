"""Back-fills are known by their number: what they opened, what they may cost, whether they were cancelled."""

from __future__ import annotations

from migrations.script import run_file

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    run_file("0011_backfills.sql")


def downgrade() -> None:
    """Take back."""
    run_file("0011_backfills_down.sql")
