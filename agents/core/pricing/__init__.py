"""List prices of the providers, kept for a while. An unknown price is unknown: never zero, never a guess."""

from agents.core.pricing.book import Price, PriceBook, price_book

__all__ = ["Price", "PriceBook", "price_book"]
