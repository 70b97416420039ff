"""Sealed values that cannot be compressed lie in two columns, so that they fill pages."""

from __future__ import annotations

from migrations.script import run_file

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    run_file("0020_fuller_pages.sql")


def downgrade() -> None:
    """Take back."""
    run_file("0020_fuller_pages_down.sql")
