"""The Azure Retail Prices API and its price list."""

from emulators.azure.prices.catalog import PriceCatalog
from emulators.azure.prices.samples import sample_prices
from emulators.azure.prices.service import RetailPrices

__all__ = ["PriceCatalog", "RetailPrices", "sample_prices"]
