"""What a window lacks that is complete or empty otherwise: kept with the run, and shown."""

from __future__ import annotations

from migrations.script import run_file

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    run_file("0005_partial.sql")


def downgrade() -> None:
    """Take back."""
    run_file("0005_partial_down.sql")
