"""What a provider has delivered of a bill: one version of one billing period of one export.

A delivery is first seen, by its manifest, and later read whole. Which versions there are, which of them counts and
what stands in the way of the others is the ledger's to say (``reporting.deliveries``).
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

import msgspec


class DeliveryState(StrEnum):
    """What is known of a delivery."""

    SEEN = "seen"  # its manifest was found: it is to be read
    READ = "read"  # each of its files was read whole, and rows and bytes are those that were promised
    MISSING = "missing"  # the provider has stopped delivering, or was never able to: ``reason`` says why


class DeliveredFile(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """A file of a delivery, as it was when it was pinned."""

    #: The key in its bucket, the name of its blob, its path; of a table its name. Without credentials.
    name: str
    #: None where nobody told.
    size: int | None = None
    #: What has to be the same when it is read (an ETag, a generation); empty where there is none.
    etag: str = ""
    #: Rows that the manifest promises; None where it promises none.
    rows: int | None = None


class Delivery(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """One version of one billing period of an export."""

    state: DeliveryState
    #: The billing period, half-open, in UTC: a month nearly always.
    period_start: datetime
    period_end: datetime
    #: The same for the same delivery, another one for every other: the SHA-256 of the manifest in hexadecimal digits,
    #: or the change token of a table. Empty where the delivery is missing.
    version: str = ""
    #: When the provider wrote it, where it says so: of two versions the later one is the newer.
    submitted_at: datetime | None = None
    files: list[DeliveredFile] = []
    #: Rows and bytes that were read of the files, where it was read: as many as the files promise, where each of them
    #: promises any. Bytes are those of the files as they lie there.
    rows_read: int | None = None
    bytes_read: int | None = None
    #: Sum of the billed costs by currency, where it was read.
    totals: dict[str, Decimal] = {}
    #: For a person: why it is missing, or cannot be read.
    reason: str = ""
    #: The service of the same provider, account and part that reads it; of what was read, empty: who says so has read
    #: it. A collection fills it in by what its service delivers.
    service: str = ""
