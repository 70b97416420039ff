"""What can be exported, and what was asked for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from storage.errors import StorageError


class ExportRefused(StorageError):
    """Nothing was written, or nothing that was there was changed: the message says what to do."""


class TooManyDigits(Exception):
    """A number has more digits than its column was given."""


class Dataset(NamedTuple):
    """A dataset of FOCUS, as a view has it."""

    #: As FOCUS names it.
    focus_id: str
    view: str
    #: The column whose range is asked for.
    by: str
    #: What rows are sorted by: no two have the same.
    order: tuple[str, ...]
    #: Whether its rows are charges: they are read day by day, which is what Postgres sorts at once, and added up.
    charges: bool = False


_CHARGES = ("ChargePeriodStart", "x_ChargeId")
_PERIODS = ("BillingPeriodStart", "BillingPeriodEnd", "x_Provider", "x_Account", "InvoiceIssuerName")

DATASETS: Mapping[tuple[str, str], Dataset] = MappingProxyType(
    {
        ("1.2", "cost-and-usage"): Dataset("CostAndUsage", "focus_1_2", "ChargePeriodStart", _CHARGES, charges=True),
        ("1.4", "cost-and-usage"): Dataset("CostAndUsage", "focus_1_4", "ChargePeriodStart", _CHARGES, charges=True),
        ("1.4", "billing-period"): Dataset(
            "BillingPeriod", "focus_1_4_billing_periods", "BillingPeriodStart", _PERIODS
        ),
    }
)
"""By version of FOCUS and name."""


class Asked(NamedTuple):
    """What is to be exported, and where to."""

    version: str
    dataset: str
    path: Path
    #: ``parquet``, ``csv``.
    format: str
    #: Half-open, of the dataset's ``by``; None: without a bound.
    since: datetime | None = None
    until: datetime | None = None
    provider: str | None = None
    #: By its name in the configuration.
    account: str | None = None
    #: CSV by gzip; Parquet always is, by zstd.
    compress: bool = False
    #: Whether to replace a file that is there.
    force: bool = False

    @property
    def of(self) -> Dataset:
        """The dataset; ExportRefused where this version has none of that name that could be filled."""
        try:
            return DATASETS[self.version, self.dataset]
        except KeyError:
            known = ", ".join(f"{dataset} of {version}" for version, dataset in DATASETS)
            raise ExportRefused(f"FOCUS {self.version} has no dataset {self.dataset} here: take {known}") from None
