"""The columns of the billing export, standard, detailed and FOCUS, as REST, as SQL and in bytes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

_SQL_TYPES = {
    "STRING": "VARCHAR",
    "FLOAT": "DOUBLE",
    "INTEGER": "BIGINT",
    "TIMESTAMP": "TIMESTAMPTZ",
    "NUMERIC": "DECIMAL(38, 9)",
    "BOOLEAN": "BOOLEAN",
}
_BYTES = {"FLOAT": 8, "INTEGER": 8, "TIMESTAMP": 8, "NUMERIC": 16, "BOOLEAN": 1}
_LENGTH_BYTES = 2
PARTITION = "_PARTITIONTIME"


@dataclass(frozen=True)
class Field:
    """A column, or a field of one. `fields` are those of a RECORD."""

    name: str
    type: str = "STRING"
    repeated: bool = False
    fields: tuple["Field", ...] = ()

    @property
    def sql(self) -> str:
        """The type in the engine that evaluates queries."""
        if self.fields:
            members = [f'"{field.name}" {field.sql}' for field in self.fields]
            inner = f"STRUCT({', '.join(members)})"
        else:
            inner = _SQL_TYPES[self.type]
        return inner + "[]" * self.repeated

    def rest(self) -> dict[str, Any]:
        """As REST has it."""
        described: dict[str, Any] = {
            "name": self.name,
            "type": "RECORD" if self.fields else self.type,
            "mode": "REPEATED" if self.repeated else "NULLABLE",
        }
        return described | ({"fields": [field.rest() for field in self.fields]} if self.fields else {})

    def plain(self, value: Any) -> Any:
        """A value with every field that it lacks, as JSON has it.

        Raises:
            ValueError: a key that is no field.
        """
        if self.repeated:
            return [self._one(item) for item in value or ()]
        return None if value is None else self._one(value)

    def size(self, value: Any) -> int:
        """The bytes that BigQuery counts for a value; nothing for a missing one."""
        if value is None:
            return 0
        if self.repeated:
            return sum(self._size_of_one(item) for item in value)
        return self._size_of_one(value)

    def _one(self, value: Any) -> Any:
        if self.fields:
            return complete(self.fields, value)
        if isinstance(value, datetime):
            return value.isoformat()
        if isinstance(value, Decimal):
            return str(value) if self.type == "NUMERIC" else float(value)
        return value

    def _size_of_one(self, value: Any) -> int:
        if self.fields:
            return sum(field.size(value.get(field.name)) for field in self.fields)
        return _BYTES.get(self.type) or _LENGTH_BYTES + len(str(value).encode())


def complete(fields: Sequence[Field], row: Mapping[str, Any]) -> dict[str, Any]:
    """A row or record with every field, missing ones null.

    Raises:
        ValueError: a key that is no field.
    """
    unknown = row.keys() - {field.name for field in fields}
    if unknown:
        raise ValueError(f"no such field: {', '.join(sorted(unknown))}")
    return {field.name: field.plain(row.get(field.name)) for field in fields}


def _record(name: str, *fields: Field, repeated: bool = False) -> Field:
    return Field(name, "RECORD", repeated, fields)


def _pairs(name: str, *more: Field) -> Field:
    return _record(name, Field("key"), Field("value"), *more, repeated=True)


STANDARD: tuple[Field, ...] = (
    Field("billing_account_id"),
    _record("service", Field("id"), Field("description")),
    _record("sku", Field("id"), Field("description")),
    Field("usage_start_time", "TIMESTAMP"),
    Field("usage_end_time", "TIMESTAMP"),
    _record(
        "project",
        Field("id"),
        Field("number"),
        Field("name"),
        _pairs("labels"),
        Field("ancestry_numbers"),
        _record("ancestors", Field("resource_name"), Field("display_name"), repeated=True),
    ),
    _pairs("labels"),
    _pairs("system_labels"),
    _record("location", Field("location"), Field("country"), Field("region"), Field("zone")),
    Field("export_time", "TIMESTAMP"),
    Field("cost", "FLOAT"),
    Field("currency"),
    Field("currency_conversion_rate", "FLOAT"),
    _record(
        "usage",
        Field("amount", "FLOAT"),
        Field("unit"),
        Field("amount_in_pricing_units", "FLOAT"),
        Field("pricing_unit"),
    ),
    _record(
        "credits",
        Field("name"),
        Field("amount", "FLOAT"),
        Field("full_name"),
        Field("id"),
        Field("type"),
        repeated=True,
    ),
    _record("invoice", Field("month"), Field("publisher_type")),
    Field("cost_type"),
    _record("adjustment_info", Field("id"), Field("description"), Field("mode"), Field("type")),
    _record("tags", Field("key"), Field("value"), Field("inherited", "BOOLEAN"), Field("namespace"), repeated=True),
    Field("cost_at_list", "FLOAT"),
    Field("transaction_type"),
    Field("seller_name"),
)
DETAILED: tuple[Field, ...] = (
    *STANDARD,
    _record("resource", Field("name"), Field("global_name")),
)


def _fields(kind: str, names: str) -> tuple[Field, ...]:
    return tuple(Field(name, kind) for name in names.split())


def _capital_pairs(name: str, *more: Field) -> Field:
    return _record(name, Field("Key"), Field("Value"), *more, repeated=True)


FOCUS: tuple[Field, ...] = (
    *_fields(
        "STRING",
        "AvailabilityZone BillingAccountId BillingAccountType BillingCurrency ChargeCategory ChargeClass"
        " ChargeDescription ConsumedUnit PricingCategory PricingCurrency PricingUnit ProviderName PublisherName"
        " RegionId RegionName ResourceId ResourceName ServiceName SkuId SkuPriceId SubAccountId SubAccountName"
        " x_CostType x_Location x_ServiceId x_SubscriptionInstanceId x_ConsumptionModelId",
    ),
    *_fields(
        "NUMERIC",
        "BilledCost ConsumedQuantity ContractedCost ContractedUnitPrice EffectiveCost ListCost ListUnitPrice"
        " PricingQuantity PricingCurrencyContractedUnitPrice PricingCurrencyEffectiveCost PricingCurrencyListUnitPrice"
        " x_CostAtEffectivePriceDefault x_CostAtListConsumptionModel x_PriceEffectivePriceDefault"
        " x_PriceListPriceConsumptionModel",
    ),
    *_fields("TIMESTAMP", "BillingPeriodStart BillingPeriodEnd ChargePeriodStart ChargePeriodEnd x_ExportTime"),
    Field("x_CurrencyConversionRate", "FLOAT"),
    _record(
        "x_Credits",
        Field("Name"),
        Field("Amount", "NUMERIC"),
        Field("FullName"),
        Field("Id"),
        Field("Type"),
        repeated=True,
    ),
    _record("x_Project", Field("Id"), Field("Number"), Field("Name"), Field("AncestryNumbers")),
    _capital_pairs("x_SystemLabels"),
    _capital_pairs("x_Labels"),
    _capital_pairs("x_ProjectLabels"),
    _capital_pairs("x_Tags", Field("x_Inherited", "BOOLEAN"), Field("x_Namespace")),
)
"""As the first such tables have it: by their names, since more may be added anywhere."""
EVERY = (*DETAILED, *FOCUS)
"""The columns of all tables: no two kinds have one of the same name."""
