"""What makes a delivery of a bill impossible."""

from __future__ import annotations

from collections.abc import Sequence

from telemetry import amounts
from telemetry.deliveries import DeliveredFile, Delivery, DeliveryState
from telemetry.faults import check_currency, check_moment, check_size, each_text, fail
from telemetry.limits import EARLIEST, LATEST, MAX_ENTRIES, MAX_INT8, MAX_WINDOW
from telemetry.target import PART

MAX_DELIVERIES = 1000
"""In one message: of some eighty years of months."""
MAX_VERSION = 200
"""Characters: it is a part of a key."""
MAX_CURRENCIES = 300


def check_deliveries(deliveries: Sequence[Delivery]) -> None:
    """Raise InvalidRecord where one is impossible."""
    if len(deliveries) > MAX_DELIVERIES:
        fail("deliveries", f"{len(deliveries)} of them", f"at most {MAX_DELIVERIES} in one message")
    if (files := sum(len(one.files) for one in deliveries)) > MAX_ENTRIES:
        fail("deliveries", f"{files} files", f"at most {MAX_ENTRIES} in one message")
    for index, delivery in enumerate(deliveries):
        _check(f"deliveries[{index}]", delivery)


def _check(path: str, one: Delivery) -> None:
    check_moment(f"{path}.period_start", one.period_start)
    check_moment(f"{path}.period_end", one.period_end)
    period = f"{one.period_start} to {one.period_end}"
    if not EARLIEST <= one.period_start < one.period_end <= LATEST or one.period_end - one.period_start > MAX_WINDOW:
        fail(f"{path}.period_start", period, f"a period of at most {MAX_WINDOW.days} days between 2000 and 2100")
    if one.period_start.microsecond or one.period_end.microsecond:
        fail(f"{path}.period_start", period, "whole seconds")
    if one.submitted_at is not None:
        check_moment(f"{path}.submitted_at", one.submitted_at)
    each_text(f"{path}.", [("version", one.version), ("reason", one.reason)])
    check_size(path, [one.version, one.reason])
    _check_state(path, one)
    for name in ("rows_read", "bytes_read"):
        _check_count(f"{path}.{name}", getattr(one, name))
    if len(one.totals) > MAX_CURRENCIES:
        fail(f"{path}.totals", f"{len(one.totals)} currencies", f"at most {MAX_CURRENCIES}")
    for currency, total in one.totals.items():
        check_currency(f"{path}.totals", currency)
        if not amounts.is_bounded(total):
            fail(f"{path}.totals.{currency}", total, amounts.REMEDY)
    for index, file in enumerate(one.files):
        _check_file(f"{path}.files[{index}]", file)


def _check_state(path: str, one: Delivery) -> None:
    """Each state has what makes it one, and nothing that only another one can have."""
    if one.state is DeliveryState.MISSING:
        if one.version:
            fail(f"{path}.version", one.version, "empty: what is missing has no version")
        if not one.reason.strip():
            fail(f"{path}.reason", one.reason, "why it is missing")
    elif not one.version or len(one.version) > MAX_VERSION:
        fail(f"{path}.version", one.version, f"what tells this version from others, at most {MAX_VERSION} characters")
    if one.state is DeliveryState.READ:
        if one.service:
            fail(f"{path}.service", one.service, "empty: whoever says that it was read has read it")
        _check_promises(path, one)
        return
    if not PART.fullmatch(one.service):
        fail(f"{path}.service", one.service, "the service that reads it: letters, digits and . _ : - only")
    for name in ("rows_read", "bytes_read"):
        if getattr(one, name) is not None:
            fail(f"{path}.{name}", getattr(one, name), f"nothing, while its state is {one.state}")


def _check_promises(path: str, one: Delivery) -> None:
    if one.rows_read is None:
        fail(f"{path}.rows_read", one.rows_read, "how many rows were read")
    for name, read, promised in (
        ("rows_read", one.rows_read, [file.rows for file in one.files]),
        ("bytes_read", one.bytes_read, [file.size for file in one.files]),
    ):
        known = [count for count in promised if count is not None]
        if read is not None and known and len(known) == len(promised) and read != sum(known):
            fail(f"{path}.{name}", read, f"{sum(known)}, as the files promise: else it was not read whole")


def _check_file(path: str, file: DeliveredFile) -> None:
    each_text(f"{path}.", [("name", file.name), ("etag", file.etag)])
    _check_count(f"{path}.size", file.size)
    _check_count(f"{path}.rows", file.rows)
    check_size(path, [file.name, file.etag])


def _check_count(path: str, count: int | None) -> None:
    if count is not None and not 0 <= count <= MAX_INT8:
        fail(path, count, "a whole number, not negative")
