"""What an outage leaves is told apart from failures, and locks that only finfleet can take."""

from __future__ import annotations

from migrations.script import run_file

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    run_file("0004_outages.sql")


def downgrade() -> None:
    """Take back."""
    run_file("0004_outages_down.sql")
