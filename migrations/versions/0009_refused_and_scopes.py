"""Which windows lack a part that was refused, so that they are read again; and whose costs each bill is of."""

from __future__ import annotations

from migrations.script import run_file

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    run_file("0009_refused_and_scopes.sql")


def downgrade() -> None:
    """Take back."""
    run_file("0009_refused_and_scopes_down.sql")
