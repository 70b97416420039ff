"""Anomalies of cost are kept, with what people have noted of them, and forecasts."""

from __future__ import annotations

from migrations.script import run_file

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    run_file("0026_anomalies.sql")


def downgrade() -> None:
    """Take back."""
    run_file("0026_anomalies_down.sql")
