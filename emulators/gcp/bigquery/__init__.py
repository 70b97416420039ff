"""BigQuery: the billing export as tables, and GoogleSQL that is really evaluated over them."""

from emulators.gcp.bigquery.export import BillingExport

__all__ = ["BillingExport"]
