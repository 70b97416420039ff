"""The ledger and what it keeps."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "cost_rates",
        sa.Column("resource_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("period", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("amount", sa.Numeric(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("basis", sa.Text(), nullable=False),
        sa.Column("resource_type", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("resource_id", "start", "period", name=op.f("cost_rates_pkey")),
        schema="finfleet",
        postgresql_partition_by="RANGE (start)",
    )
    op.create_table(
        "dead_letters",
        sa.Column("dead_letter_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("body_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("reason_code", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("first_seen", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("last_seen", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("times", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("replayed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("dead_letter_id", name=op.f("dead_letters_pkey")),
        sa.UniqueConstraint("body_sha256", name=op.f("dead_letters_body_sha256_key")),
        schema="finfleet",
    )
    op.create_index(
        "dead_letters_waiting_idx",
        "dead_letters",
        ["dead_letter_id"],
        unique=False,
        schema="finfleet",
        postgresql_where=sa.text("replayed_at IS NULL"),
    )
    op.create_table(
        "points",
        sa.Column("series_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("series_id", "start", name=op.f("points_pkey")),
        schema="finfleet",
        postgresql_partition_by="RANGE (start)",
    )
    op.create_table(
        "resources",
        sa.Column("resource_id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("provider_id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("name", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column(
            "tags", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column(
            "attributes", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column("fingerprint", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("first_seen", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("resource_id", name=op.f("resources_pkey")),
        sa.UniqueConstraint("provider", "account", "region", "service", "provider_id", name="resources_identity_key"),
        schema="finfleet",
    )
    op.create_table(
        "targets",
        sa.Column("target_id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("live", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("interval_seconds", sa.Integer(), nullable=False),
        sa.Column("delay_seconds", sa.Integer(), nullable=False),
        sa.Column("enabled_since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("planned_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("denied_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("denied_error", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("denied_permission", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.CheckConstraint("interval_seconds > 0 AND delay_seconds >= 0", name=op.f("targets_interval_check")),
        sa.CheckConstraint("planned_until >= enabled_since", name=op.f("targets_planned_check")),
        sa.PrimaryKeyConstraint("target_id", name=op.f("targets_pkey")),
        sa.UniqueConstraint(
            "provider", "account", "region", "service", name=op.f("targets_provider_account_region_service_key")
        ),
        schema="finfleet",
    )
    op.create_table(
        "pauses",
        sa.Column("target_id", sa.Integer(), nullable=False),
        sa.Column("paused_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("paused_until", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("paused_until > paused_from", name=op.f("pauses_range_check")),
        sa.ForeignKeyConstraint(["target_id"], ["finfleet.targets.target_id"], name=op.f("pauses_target_id_fkey")),
        sa.PrimaryKeyConstraint("target_id", "paused_from", name=op.f("pauses_pkey")),
        schema="finfleet",
    )
    op.create_table(
        "collections",
        sa.Column("target_id", sa.Integer(), nullable=False),
        sa.Column("window_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("window_end", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), server_default=sa.text("'planned'"), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("attempt", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("failures", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("planned_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("dispatched_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("refresh_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("refreshes", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("newest_attempt", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("newest_started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_run", sa.Uuid(), nullable=True),
        sa.Column("records", sa.BigInteger(), nullable=True),
        sa.Column("error", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("permission", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.CheckConstraint(
            "state IN ('planned', 'dispatched', 'complete', 'empty', 'denied', 'failed')",
            name=op.f("collections_state_check"),
        ),
        sa.CheckConstraint("window_end > window_start", name=op.f("collections_window_check")),
        sa.ForeignKeyConstraint(["target_id"], ["finfleet.targets.target_id"], name=op.f("collections_target_id_fkey")),
        sa.PrimaryKeyConstraint("target_id", "window_start", name=op.f("collections_pkey")),
        schema="finfleet",
    )
    op.create_index(
        "collections_due_idx",
        "collections",
        ["due_at"],
        unique=False,
        schema="finfleet",
        postgresql_where=sa.text("state IN ('planned', 'dispatched')"),
    )
    op.create_index(
        "collections_open_idx",
        "collections",
        ["target_id", "window_start"],
        unique=False,
        schema="finfleet",
        postgresql_where=sa.text("state IN ('planned', 'dispatched')"),
    )
    op.create_index(
        "collections_bad_idx",
        "collections",
        ["target_id", "window_start"],
        unique=False,
        schema="finfleet",
        postgresql_where=sa.text("state IN ('denied', 'failed')"),
    )
    op.create_index(
        "collections_refresh_idx",
        "collections",
        ["refresh_at"],
        unique=False,
        schema="finfleet",
        postgresql_where=sa.text("refresh_at IS NOT NULL"),
    )
    op.create_index("collections_window_idx", "collections", ["window_start"], unique=False, schema="finfleet")
    op.create_table(
        "outbox",
        sa.Column("outbox_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("destination", sa.Text(), nullable=False),
        sa.Column("target_id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), server_default=sa.text("'pending'"), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.CheckConstraint("state = 'sent' OR body IS NOT NULL", name=op.f("outbox_body_check")),
        sa.CheckConstraint("state IN ('pending', 'sent', 'dead')", name=op.f("outbox_state_check")),
        sa.ForeignKeyConstraint(["target_id"], ["finfleet.targets.target_id"], name=op.f("outbox_target_id_fkey")),
        sa.PrimaryKeyConstraint("outbox_id", name=op.f("outbox_pkey")),
        sa.UniqueConstraint("destination", "run_id", "number", name=op.f("outbox_destination_run_id_number_key")),
        schema="finfleet",
    )
    op.create_index(
        "outbox_dead_idx",
        "outbox",
        ["outbox_id"],
        unique=False,
        schema="finfleet",
        postgresql_where=sa.text("state = 'dead'"),
    )
    op.create_index(
        "outbox_pending_idx",
        "outbox",
        ["destination", "target_id", "outbox_id"],
        unique=False,
        schema="finfleet",
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_table(
        "runs",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("target_id", sa.Integer(), nullable=False),
        sa.Column("window_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("window_end", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("batches_committed", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("records_committed", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("reported_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("batches_expected", sa.Integer(), nullable=True),
        sa.Column("calls", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("throttles", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("api_cost_usd", sa.Numeric(), nullable=True),
        sa.Column(
            "apis", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'::jsonb"), nullable=False
        ),
        sa.Column("unknown_prices", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("error", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.ForeignKeyConstraint(["target_id"], ["finfleet.targets.target_id"], name=op.f("runs_target_id_fkey")),
        sa.PrimaryKeyConstraint("run_id", name=op.f("runs_pkey")),
        schema="finfleet",
    )
    op.create_index(op.f("runs_reported_at_idx"), "runs", ["reported_at"], unique=False, schema="finfleet")
    op.create_index(
        op.f("runs_target_id_window_start_idx"), "runs", ["target_id", "window_start"], unique=False, schema="finfleet"
    )
    op.create_table(
        "series",
        sa.Column("series_id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("resource_id", sa.Integer(), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("source_metric", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("statistic", sa.Text(), nullable=False),
        sa.Column("period", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["resource_id"], ["finfleet.resources.resource_id"], name=op.f("series_resource_id_fkey")
        ),
        sa.PrimaryKeyConstraint("series_id", name=op.f("series_pkey")),
        sa.UniqueConstraint(
            "resource_id", "metric", "source_metric", "unit", "statistic", "period", name="series_identity_key"
        ),
        schema="finfleet",
    )
    op.create_table(
        "batches",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("records", sa.Integer(), nullable=False),
        sa.Column("keys", sa.LargeBinary(), server_default=sa.text("''::bytea"), nullable=False),
        sa.Column("committed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["finfleet.runs.run_id"], name=op.f("batches_run_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run_id", "number", name=op.f("batches_pkey")),
        schema="finfleet",
    )
    op.create_index(op.f("batches_committed_at_idx"), "batches", ["committed_at"], unique=False, schema="finfleet")


def downgrade() -> None:
    """Take back."""
    op.drop_index(op.f("batches_committed_at_idx"), table_name="batches", schema="finfleet")
    op.drop_table("batches", schema="finfleet")
    op.drop_table("series", schema="finfleet")
    op.drop_index(op.f("runs_target_id_window_start_idx"), table_name="runs", schema="finfleet")
    op.drop_index(op.f("runs_reported_at_idx"), table_name="runs", schema="finfleet")
    op.drop_table("runs", schema="finfleet")
    op.drop_index(
        "outbox_pending_idx", table_name="outbox", schema="finfleet", postgresql_where=sa.text("state = 'pending'")
    )
    op.drop_index("outbox_dead_idx", table_name="outbox", schema="finfleet", postgresql_where=sa.text("state = 'dead'"))
    op.drop_table("outbox", schema="finfleet")
    op.drop_index("collections_window_idx", table_name="collections", schema="finfleet")
    op.drop_index(
        "collections_refresh_idx",
        table_name="collections",
        schema="finfleet",
        postgresql_where=sa.text("refresh_at IS NOT NULL"),
    )
    op.drop_index(
        "collections_due_idx",
        table_name="collections",
        schema="finfleet",
        postgresql_where=sa.text("state IN ('planned', 'dispatched')"),
    )
    op.drop_index(
        "collections_bad_idx",
        table_name="collections",
        schema="finfleet",
        postgresql_where=sa.text("state IN ('denied', 'failed')"),
    )
    op.drop_index(
        "collections_open_idx",
        table_name="collections",
        schema="finfleet",
        postgresql_where=sa.text("state IN ('planned', 'dispatched')"),
    )
    op.drop_table("collections", schema="finfleet")
    op.drop_table("pauses", schema="finfleet")
    op.drop_table("targets", schema="finfleet")
    op.drop_table("resources", schema="finfleet")
    op.drop_table("points", schema="finfleet")
    op.drop_index(
        "dead_letters_waiting_idx",
        table_name="dead_letters",
        schema="finfleet",
        postgresql_where=sa.text("replayed_at IS NULL"),
    )
    op.drop_table("dead_letters", schema="finfleet")
    op.drop_table("cost_rates", schema="finfleet")
