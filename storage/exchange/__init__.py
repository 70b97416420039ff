"""Exchange rates: as files have them, and as they are stored (docs/currencies.md)."""
