"""List prices of what S3 stores, by the usage type that AWS bills it under."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from agents.aws.calls import AwsCalls
from agents.aws.pricing.price_list import products
from agents.core.pricing.book import price_book
from agents.core.pricing.tiers import TieredPrice, read_product, tiered_price

_UNIT = "GB-Mo"
_USAGE = re.compile(r"(?:[A-Z0-9]+-)?(TimedStorage-.+)")
"""The region's code stands before it, except in the oldest region."""


@dataclass(frozen=True)
class StorageType:
    """What CloudWatch counts apart."""

    #: As S3's own API spells it: ``STANDARD_IA``.
    storage_class: str
    #: What its bytes are billed as.
    usage: str


_STANDARD = "TimedStorage-ByteHrs"
_GLACIER = "TimedStorage-GlacierByteHrs"
_DEEP = "TimedStorage-GDA-ByteHrs"
# What archived objects need beside themselves is in part at the archive's price, in part at the standard one.
STORAGE_TYPES: Mapping[str, StorageType] = MappingProxyType(
    {
        "StandardStorage": StorageType("STANDARD", _STANDARD),
        "StandardIAStorage": StorageType("STANDARD_IA", "TimedStorage-SIA-ByteHrs"),
        "StandardIASizeOverhead": StorageType("STANDARD_IA", "TimedStorage-SIA-SmObjects"),
        "OneZoneIAStorage": StorageType("ONEZONE_IA", "TimedStorage-ZIA-ByteHrs"),
        "OneZoneIASizeOverhead": StorageType("ONEZONE_IA", "TimedStorage-ZIA-SmObjects"),
        "ReducedRedundancyStorage": StorageType("REDUCED_REDUNDANCY", "TimedStorage-RRS-ByteHrs"),
        "IntelligentTieringFAStorage": StorageType("INTELLIGENT_TIERING", "TimedStorage-INT-FA-ByteHrs"),
        "IntelligentTieringIAStorage": StorageType("INTELLIGENT_TIERING", "TimedStorage-INT-IA-ByteHrs"),
        "IntelligentTieringAIAStorage": StorageType("INTELLIGENT_TIERING", "TimedStorage-INT-AIA-ByteHrs"),
        "IntelligentTieringAAStorage": StorageType("INTELLIGENT_TIERING", "TimedStorage-INT-AA-ByteHrs"),
        "IntelligentTieringDAAStorage": StorageType("INTELLIGENT_TIERING", "TimedStorage-INT-DAA-ByteHrs"),
        "IntAAObjectOverhead": StorageType("INTELLIGENT_TIERING", _GLACIER),
        "IntAAS3ObjectOverhead": StorageType("INTELLIGENT_TIERING", _STANDARD),
        "IntDAAObjectOverhead": StorageType("INTELLIGENT_TIERING", _DEEP),
        "IntDAAS3ObjectOverhead": StorageType("INTELLIGENT_TIERING", _STANDARD),
        "GlacierInstantRetrievalStorage": StorageType("GLACIER_IR", "TimedStorage-GIR-ByteHrs"),
        "GlacierInstantRetrievalSizeOverhead": StorageType("GLACIER_IR", "TimedStorage-GIR-SmObjects"),
        "GlacierStorage": StorageType("GLACIER", _GLACIER),
        "GlacierStagingStorage": StorageType("GLACIER", "TimedStorage-GlacierStaging"),
        "GlacierObjectOverhead": StorageType("GLACIER", _GLACIER),
        "GlacierS3ObjectOverhead": StorageType("GLACIER", _STANDARD),
        "DeepArchiveStorage": StorageType("DEEP_ARCHIVE", _DEEP),
        "DeepArchiveStagingStorage": StorageType("DEEP_ARCHIVE", "TimedStorage-GDA-Staging"),
        "DeepArchiveObjectOverhead": StorageType("DEEP_ARCHIVE", _DEEP),
        "DeepArchiveS3ObjectOverhead": StorageType("DEEP_ARCHIVE", _STANDARD),
    }
)


@dataclass(frozen=True)
class S3Prices:
    """What a GB costs a month, by usage type: ``TimedStorage-ByteHrs`` ..."""

    by_usage: Mapping[str, TieredPrice]


def s3_prices(calls: AwsCalls) -> S3Prices:
    """The prices of storage in the region that is asked: one look-up gives them all. What is not plain is not in it."""
    key = f"aws/AmazonS3/{calls.partition}/{calls.region}/storage"
    found = price_book(calls.context.shared).find_as(S3Prices, key, lambda: _look_up(calls))
    return found or S3Prices({})


def _look_up(calls: AwsCalls) -> S3Prices | None:
    prices: dict[str, TieredPrice | None] = {}
    for item in products(calls, "AmazonS3", {"regionCode": calls.region, "productFamily": "Storage"}):
        try:
            product = read_product(item)
            usage = _USAGE.fullmatch(product.get("product", {}).get("attributes", {}).get("usagetype", ""))
        except (AttributeError, TypeError, ValueError, RecursionError):  # not of the form: of which usage, nobody knows
            continue
        if usage is not None:
            price = _price(product)
            # Two that differ: nobody knows which applies.
            prices[usage[1]] = price if prices.get(usage[1], price) == price else None
    known = {usage: price for usage, price in prices.items() if price is not None}
    return S3Prices(known) if known else None


def _price(product: dict[str, Any]) -> TieredPrice | None:
    try:
        return tiered_price(product, _UNIT)
    except (AttributeError, TypeError):
        return None
