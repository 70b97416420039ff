"""Closed days of points are sealed: a row for each series and day, with hourly and daily rollups beside them."""

from __future__ import annotations

from migrations.script import run_file

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    run_file("0014_sealed_points.sql")


def downgrade() -> None:
    """Take back."""
    run_file("0014_sealed_points_down.sql")
