"""When a resource was last seen whole, and the billing period of a line of costs."""

from __future__ import annotations

from migrations.script import driver_connection, run_file
from storage import views

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    run_file("0008_whole_readings.sql")


def downgrade() -> None:
    """Take back. The views read the columns: the release that is gone back to makes its own."""
    views.drop(driver_connection(), views.load())
    run_file("0008_whole_readings_down.sql")
