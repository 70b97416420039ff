"""Handing out follows the workers: their threads, what their queues hold, and what was planned last."""

from __future__ import annotations

from migrations.script import run_file

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    run_file("0016_handing_out.sql")


def downgrade() -> None:
    """Take back."""
    run_file("0016_handing_out_down.sql")
