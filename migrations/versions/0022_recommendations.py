"""Recommendations of providers are kept, each with the delivery that brought it."""

from __future__ import annotations

from migrations.script import run_file

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    run_file("0022_recommendations.sql")


def downgrade() -> None:
    """Take back."""
    run_file("0022_recommendations_down.sql")
