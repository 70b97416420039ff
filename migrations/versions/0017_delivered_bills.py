"""Lines of bills have what files tell of a charge beyond what the APIs do."""

from __future__ import annotations

from migrations.script import run_file

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    run_file("0017_delivered_bills.sql")


def downgrade() -> None:
    """Take back."""
    run_file("0017_delivered_bills_down.sql")
