"""How much one message, and one record of it, may hold. They bound what a hostile one can cost (telemetry/wire.py)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

MAX_BODY = 8 * 1024 * 1024
"""Bytes of msgpack that a message may unpack to: four times what we publish."""
MAX_BATCH_SIZE = 2 * 1024 * 1024
"""Bytes after which a batch of ours is full, whatever the number of its records."""
MAX_RECORDS = 20_000
"""Records in one message: four times what we publish."""
MAX_ENTRIES = 250_000
"""Tags, attributes and named amounts in one message, over all of its records."""
MAX_RECORD = 256 * 1024
"""Bytes of one record: twice what the tags of a cloud can take (50 of 768 characters, at Azure, in UTF-8)."""
MAX_TAGS = 256
"""Tags, attributes or named amounts of one record: four times what a cloud gives (AWS and Azure 50, Google 64)."""
MAX_TEXT = 2048
"""Characters in an id, a name or a tag."""
MAX_KEY = 2000
"""Bytes of what identifies a resource or a series: an index entry of Postgres holds 2,704."""
MAX_LISTED = 1000
"""APIs, or reasons for what is missing, in one report."""
MAX_REPORT_TEXT = 20_000
"""Characters of an error in a report."""
MAX_WINDOW = timedelta(days=32)
"""A month of daily costs in one window is the longest that a provider is asked for."""
MAX_BACKFILL = timedelta(days=1200)
"""More than three years: longer than clouds keep figures of their services."""
MAX_INT4 = 2**31 - 1
MAX_INT8 = 2**63 - 1
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)
