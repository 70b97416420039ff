"""The Price List API over sample prices (see `emulators.aws.data`)."""

from emulators.aws.pricing.catalog import Catalog
from emulators.aws.pricing.product import Product, Tier
from emulators.aws.pricing.service import Pricing

__all__ = ["Catalog", "Pricing", "Product", "Tier"]
