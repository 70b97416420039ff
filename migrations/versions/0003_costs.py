"""Lines of costs, and the views of them."""

from __future__ import annotations

from migrations.script import run_file

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    run_file("0003_costs.sql")


def downgrade() -> None:
    """Take back."""
    run_file("0003_costs_down.sql")
