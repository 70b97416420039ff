"""What is measured and paid for."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Identity, Integer, Table, UniqueConstraint

from storage.tables.columns import counter, document, metadata, string, timestamp

resources = Table(
    "resources",
    metadata,
    Column("resource_id", Integer, Identity(always=True), primary_key=True),
    string("provider"),
    string("account"),
    string("region"),
    string("service"),
    string("provider_id"),  # the provider's own full id
    string("type", default=""),
    string("name", default=""),
    document("tags", "{}"),
    document("attributes", "{}"),
    counter("fingerprint", big=True),  # of type, name, tags and attributes: whether they changed
    timestamp("first_seen"),
    timestamp("last_seen"),  # within an hour: a resource that does not change is not written at every reading
    # When it was last seen whole, which type, name, tags and attributes are of, but for what a part has added since;
    # 1970 where only parts were seen. Null: of before, as last_seen.
    timestamp("described_at", nullable=True),
    string("source", default=""),  # that pushed it: what two sources push is not the same thing, whatever they call it
    UniqueConstraint(
        "provider", "account", "region", "service", "provider_id", "source", name="resources_identity_key"
    ),
)

series = Table(
    "series",
    metadata,
    Column("series_id", Integer, Identity(always=True), primary_key=True),
    Column("resource_id", Integer, ForeignKey(resources.c.resource_id), nullable=False),
    string("metric"),
    string("source_metric"),
    string("unit"),
    string("statistic"),
    Column("period", Integer, nullable=False),
    UniqueConstraint(
        "resource_id", "metric", "source_metric", "unit", "statistic", "period", name="series_identity_key"
    ),
)
