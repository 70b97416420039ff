"""What collecting took is summed up soon after its day; and whose charges a bill has that somebody else has written."""

from __future__ import annotations

from migrations.script import run_file

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    run_file("0021_summed_runs.sql")


def downgrade() -> None:
    """Take back."""
    run_file("0021_summed_runs_down.sql")
