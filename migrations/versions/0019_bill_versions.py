"""The ledger keeps since when and until when a reading was the bill, what did not count, and the sums of each."""

from __future__ import annotations

from migrations.script import run_file

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    run_file("0019_bill_versions.sql")


def downgrade() -> None:
    """Take back."""
    run_file("0019_bill_versions_down.sql")
