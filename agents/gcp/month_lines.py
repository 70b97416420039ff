"""Rows of the query of an invoice month as lines of costs, and what they are together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal
from typing import Any

from agents.gcp.export import category_of, number_of, tags_of, text_of
from agents.gcp.monthly import DETAILS
from agents.gcp.months import version_of
from telemetry.cost_checks import check_costs
from telemetry.costs import ChargeCategory, CostLine
from telemetry.deliveries import DeliveredFile, Delivery, DeliveryState
from telemetry.errors import CollectionFailed
from telemetry.target import Window

_MAX_TEXT = 2048
_LENGTHS: Mapping[str, timedelta] = {"daily": timedelta(days=1), "hourly": timedelta(hours=1)}
_CATEGORIES = {str(one) for one in ChargeCategory}
_EXACT = Context(prec=200)


class MonthLines:
    """The lines of one month, one by one, and in the end the proof that they are all of them."""

    def __init__(self, window: Window, granularity: str) -> None:
        self._window = window
        self._length = _LENGTHS[granularity]
        self._rows = 0
        self._exported: datetime | None = None
        self._totals: defaultdict[str, Decimal] = defaultdict(Decimal)

    def line(self, row: Mapping[str, Any]) -> CostLine:
        """The line of a row; CollectionFailed where it is none: without it the bill would be too low."""
        try:
            line = self._line(dict(row.items()))
            check_costs([line], self._window)
            exported = row["exported"].astimezone(UTC)
        except Exception as error:  # noqa: BLE001 - whatever comes of a row of another form
            why = f"the export has a row in a form that is not known ({type(error).__name__})"
            raise CollectionFailed(f"{why}: the bill of the month stays as it was") from None
        if row["kind"] == "cost":
            self._rows += line.lines
        self._exported = max(self._exported or exported, exported)
        self._totals[line.currency] = _EXACT.add(self._totals[line.currency], line.billed_cost or Decimal(0))
        return line

    def proof(self, name: str, promised: int) -> Delivery:
        """What was read, in the end; CollectionFailed where the table has fewer rows than it had before."""
        if self._rows < promised or self._exported is None:
            raise Shrunk(f"{name}: {promised} rows were promised, and {self._rows} were read: the month is read anew")
        return Delivery(
            state=DeliveryState.READ,
            period_start=self._window.start,
            period_end=self._window.end,
            version=version_of(self._exported, self._rows),
            submitted_at=self._exported,
            files=[DeliveredFile(name=name, rows=self._rows)],
            rows_read=self._rows,
            totals=dict(self._totals),
        )

    def _line(self, row: Mapping[str, Any]) -> CostLine:
        credit = row["kind"] == "credit"
        start: datetime = row["day"].astimezone(UTC)
        amount = number_of(row["amount"])
        if amount is None:
            raise ValueError("no amount")
        return CostLine(
            start=start,
            end=start + self._length,
            currency=text_of(row["currency"]),
            billed_cost=amount,
            effective_cost=number_of(row["effective"]) if "effective" in row else amount,
            list_cost=number_of(row["list_amount"]),
            contracted_cost=number_of(row.get("contracted")),
            amounts={"x_Credits": granted} if (granted := number_of(row.get("granted"))) else {},
            charge_category=ChargeCategory.CREDIT if credit else self._category(row),
            charge_class=self._class(row),
            charge_type=text_of(row["charge_type"]),
            charge_description=text_of(row["description"])[:_MAX_TEXT],
            service_name=text_of(row["service_name"]),
            sub_account_id=text_of(row["project_id"]),
            sub_account_name=text_of(row["project_name"]),
            region_id=text_of(row["region"]),
            availability_zone=text_of(row["zone"]),
            resource_id=text_of(row.get("resource_id")),
            sku_id=text_of(row["sku_id"]),
            sku_price_id=text_of(row.get("sku_price_id")),
            quantity=number_of(row["quantity"]),
            unit=text_of(row["unit"]),
            pricing_quantity=number_of(row["pricing_quantity"]),
            pricing_unit=text_of(row["pricing_unit"]),
            pricing_category=text_of(row.get("pricing_category")),
            tags=tags_of(row["labels"]),
            billing_period_start=self._window.start,
            billing_period_end=self._window.end,
            lines=row["found"],
            details=_details(row),
        )

    @staticmethod
    def _category(row: Mapping[str, Any]) -> str:
        if "category" not in row:
            return category_of(row["charge_type"])
        told = text_of(row["category"]).capitalize()
        return told if told in _CATEGORIES else ""

    @staticmethod
    def _class(row: Mapping[str, Any]) -> str:
        if "charge_class" in row:
            return text_of(row["charge_class"])
        return "Correction" if row["adjustment"] else ""


class Shrunk(CollectionFailed):
    """A table has fewer rows than it had before: somebody is changing it."""

    transient = True


def _details(row: Mapping[str, Any]) -> dict[str, str]:
    told = {"seller_name": row.get("seller"), "currency_conversion_rate": row.get("conversion_rate")}
    told |= {name: row.get(f"detail_{at}") for at, name in enumerate(DETAILS)}
    return {name: text_of(value) for name, value in told.items() if value}
