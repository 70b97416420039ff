"""What a store is asked for a delivery: how many requests, and what they cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from agents.core.bills.ranges import BLOCK, HEAD
from agents.core.bills.store_addresses import Address
from agents.core.estimating import Estimate
from telemetry.deliveries import DeliveredFile

_UNPRICED = "what the store takes for a request is not published, or depends on what nobody has told"


def reads_of(files: Sequence[DeliveredFile]) -> int:
    """Range reads of these files: a head, and blocks of what is behind it. Of Parquet they are the least."""
    return sum(_reads(file.size or 0) for file in files)


def _reads(size: int) -> int:
    return min(size, 1) + -(-max(0, size - HEAD) // BLOCK)


def are_columns(files: Sequence[DeliveredFile]) -> bool:
    """Whether one is read by its columns, so that there are more requests than its size says."""
    return any(file.name.lower().endswith((".parquet", ".pq")) for file in files)


def bytes_of(files: Sequence[DeliveredFile]) -> int | None:
    """Their bytes; None where that of one is not known."""
    sizes = [file.size for file in files]
    return None if None in sizes else sum(size or 0 for size in sizes)


def estimate_look(address: Address, more: str) -> Estimate:
    """A list of the folder, and what is new in it."""
    return _priced(address, {address.kind.list_api: 1}, more)


def estimate_reading(address: Address, files: Sequence[DeliveredFile] | None, manifest: str = "") -> Estimate:
    """A list, and the files by ranges; where these are not known, one small file. ``manifest``: and what is new."""
    more = [manifest] if manifest else []
    if files is None:
        more.append("each further file, and each further 4 MiB of one")
    elif are_columns(files):
        more.append("a read for each further column of a row group of Parquet")
    reads = 1 if files is None else reads_of(files)
    return _priced(address, {address.kind.list_api: 1, address.kind.read_api: reads}, "; ".join(more))


def _priced(address: Address, calls: Mapping[str, int], more: str) -> Estimate:
    prices = address.prices
    if prices is None:
        return Estimate(calls, None, f"{more}; {_UNPRICED}" if more else _UNPRICED)
    each = {address.kind.list_api: prices.list, address.kind.read_api: prices.read}
    paid = {api: each[api] * count for api, count in calls.items() if each[api]}
    return Estimate(calls, sum(paid.values(), Decimal(0)), more, paid=paid)
