"""Cloud Billing: the price catalogue, the billing accounts and which projects they pay for."""

from emulators.gcp.billing.accounts import Account, Accounts
from emulators.gcp.billing.catalog import Catalog, Sku

__all__ = ["Account", "Accounts", "Catalog", "Sku"]
