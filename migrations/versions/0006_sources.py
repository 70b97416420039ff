"""Each source that pushes has resources of its own; messages that may be what ended an ingest."""

from __future__ import annotations

from migrations.script import run_file

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    run_file("0006_sources.sql")


def downgrade() -> None:
    """Take back."""
    run_file("0006_sources_down.sql")
