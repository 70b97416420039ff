"""Which processes of the fleet live: each gives a sign now and then."""

from __future__ import annotations

from migrations.script import run_file

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    run_file("0010_processes.sql")


def downgrade() -> None:
    """Take back."""
    run_file("0010_processes_down.sql")
