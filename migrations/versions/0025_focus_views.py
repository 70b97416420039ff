"""Views of FOCUS read what is older: back to that, they are dropped."""

from __future__ import annotations

from migrations.script import run_file

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing: files make the views."""


def downgrade() -> None:
    """Take back."""
    run_file("0025_focus_views_down.sql")
