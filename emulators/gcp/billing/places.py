"""The regions that the catalogue has prices for, by the words that SKU descriptions use."""

from decimal import Decimal

# Place in a description -> (regions, factor on the price of the Americas).
PLACES: dict[str, tuple[tuple[str, ...], Decimal]] = {
    "Americas": (("us-central1", "us-east1", "us-west1"), Decimal(1)),
    "Northern Virginia": (("us-east4",), Decimal("1.1263")),
    "Netherlands": (("europe-west4",), Decimal("1.1011")),
    "EMEA": (("europe-west1",), Decimal("1.1")),
    "Frankfurt": (("europe-west3",), Decimal("1.2884")),
    "London": (("europe-west2",), Decimal("1.2885")),
    "APAC": (("asia-east1",), Decimal("1.1579")),
    "Japan": (("asia-northeast1",), Decimal("1.2848")),
}


def place_of(region: str) -> tuple[str, Decimal] | None:
    """The place and the factor of a region; None where the catalogue has no prices for it."""
    for place, (regions, factor) in PLACES.items():
        if region in regions:
            return place, factor
    return None
