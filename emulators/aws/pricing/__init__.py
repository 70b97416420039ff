"""The Price List API over sample prices (see `emulators.aws.data`)."""

from emulators.aws.pricing.catalog import Catalog
from emulators.aws.pricing.ec2_products import ec2_products
from emulators.aws.pricing.managed_products import managed_products
from emulators.aws.pricing.product import Product, Tier
from emulators.aws.pricing.s3_products import s3_products
from emulators.aws.pricing.sagemaker_products import sagemaker_products
from emulators.aws.pricing.service import Pricing

__all__ = ["Catalog", "Pricing", "Product", "Tier", "sample_products"]


def sample_products() -> tuple[Product, ...]:
    """All products of the sample data."""
    return ec2_products() + sagemaker_products() + s3_products() + managed_products()
