"""S3's storage: a price by class, in tiers where AWS has tiers (`beginRange` and `endRange` are GB)."""

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from emulators.aws.pricing.product import Product, Tier
from emulators.aws.pricing.regions import PricedRegion, priced_regions

_CODE = "AmazonS3"
_STANDARD = (("0", "51200", "0.023"), ("51200", "512000", "0.022"), ("512000", "Inf", "0.021"))


class _Class(NamedTuple):
    storage_class: str
    volume_type: str
    usage: str
    operation: str
    tiers: tuple[tuple[str, str, str], ...]


def _flat(usd: str) -> tuple[tuple[str, str, str], ...]:
    return (("0", "Inf", usd),)


_CLASSES = (
    _Class("General Purpose", "Standard", "TimedStorage-ByteHrs", "StandardStorage", _STANDARD),
    _Class(
        "Intelligent-Tiering",
        "Intelligent-Tiering Frequent Access",
        "TimedStorage-INT-FA-ByteHrs",
        "IntelligentTieringFAStorage",
        _STANDARD,
    ),
    _Class(
        "Intelligent-Tiering",
        "Intelligent-Tiering Infrequent Access",
        "TimedStorage-INT-IA-ByteHrs",
        "IntelligentTieringIAStorage",
        _flat("0.0125"),
    ),
    _Class(
        "Intelligent-Tiering",
        "IntelligentTieringArchiveInstantAccess",
        "TimedStorage-INT-AIA-ByteHrs",
        "IntelligentTieringAIAStorage",
        _flat("0.004"),
    ),
    _Class(
        "Infrequent Access",
        "Standard - Infrequent Access",
        "TimedStorage-SIA-ByteHrs",
        "StandardIAStorage",
        _flat("0.0125"),
    ),
    _Class(
        "Infrequent Access",
        "One Zone - Infrequent Access",
        "TimedStorage-ZIA-ByteHrs",
        "OneZoneIAStorage",
        _flat("0.01"),
    ),
    _Class(
        "Archive Instant Retrieval",
        "Glacier Instant Retrieval",
        "TimedStorage-GIR-ByteHrs",
        "GlacierInstantRetrievalStorage",
        _flat("0.004"),
    ),
    _Class("Archive", "Amazon Glacier", "TimedStorage-GlacierByteHrs", "GlacierStorage", _flat("0.0036")),
    _Class("Archive", "Glacier Deep Archive", "TimedStorage-GDA-ByteHrs", "DeepArchiveStorage", _flat("0.00099")),
    _Class(
        "Non-Critical Data",
        "Reduced Redundancy",
        "TimedStorage-RRS-ByteHrs",
        "ReducedRedundancyStorage",
        _flat("0.024"),
    ),
)


@cache
def s3_products() -> tuple[Product, ...]:
    """Every S3 product of the sample data."""
    return tuple(product for region in priced_regions() for product in _products(region))


def _products(region: PricedRegion) -> Iterator[Product]:
    for one in _CLASSES:
        attributes = region.attributes(
            _CODE,
            f"{region.prefix}{one.usage}",
            one.operation,
            storageClass=one.storage_class,
            volumeType=one.volume_type,
            durability="99.999999999%",
            servicename="Amazon Simple Storage Service",
        )
        tiers = tuple(Tier(region.usd(usd), begin, end) for begin, end, usd in one.tiers)
        yield Product(_CODE, "Storage", attributes, "GB-Mo", f"GB-Month of {one.volume_type} storage used", tiers)
    for group, usage, usd in (
        ("S3-API-Tier1", "Requests-Tier1", "0.000005"),
        ("S3-API-Tier2", "Requests-Tier2", "0.0000004"),
    ):
        attributes = region.attributes(_CODE, f"{region.prefix}{usage}", "", group=group)
        yield Product(_CODE, "API Request", attributes, "Requests", f"request of {group}", (Tier(region.usd(usd)),))
