"""What anybody may push, in plain JSON: the form of the message.

The schema is ``docs/schemas/push.schema.json`` (``finfleet schema``), the words are in ``docs/push.md``.
"""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from telemetry.amounts import REMEDY, is_bounded, parse_amount
from telemetry.costs import ChargeCategory
from telemetry.limits import MAX_INT4, MAX_TAGS, MAX_TEXT
from telemetry.target import PART


def _in_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:  # at the ends of the calendar
        raise ValueError("must lie between the year 2000 and now") from None


def _plain_amount(value: object) -> object:
    """Text in ASCII digits, or a number of JSON, within bounds; anything else is for the type to refuse."""
    amount = value
    if isinstance(value, str):
        try:
            amount = parse_amount(value)
        except ValueError:
            raise ValueError(f"must be {REMEDY}") from None
    elif isinstance(value, int | float) and not isinstance(value, bool):
        amount = Decimal(str(value))
    if isinstance(amount, Decimal) and amount.is_finite() and not is_bounded(amount):
        raise ValueError(f"must be {REMEDY}")
    return amount


def _kept_attributes(value: dict[str, Any]) -> dict[str, Any]:
    """As they are: what a collector brings is left out where it cannot be kept, and who pushes is told."""
    for name, number in value.items():
        if isinstance(number, float) and not math.isfinite(number):
            raise ValueError(f"{name[:40]}: must be a finite number, or left out")
        if isinstance(number, int) and not -(2**63) <= number < 2**64:
            raise ValueError(f"{name[:40]}: must be a whole number of at most 64 bits, or a text")
    return value


_Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]
# Postgres cannot keep a NUL character.
_NO_NUL = r"^[^\x00]*$"
_Name = Annotated[str, Field(min_length=1, max_length=MAX_TEXT, pattern=_NO_NUL)]
_Text = Annotated[str, Field(max_length=MAX_TEXT, pattern=_NO_NUL)]
_Amount = Annotated[Decimal, Field(allow_inf_nan=False), BeforeValidator(_plain_amount)]
_Tags = Annotated[dict[_Text, _Text], Field(max_length=MAX_TAGS)]
_Attributes = Annotated[
    dict[_Text, str | int | float | bool | None], Field(max_length=MAX_TAGS), AfterValidator(_kept_attributes)
]
_Value = Annotated[float, Field(allow_inf_nan=False)]


class _Part(BaseModel):
    # Strict: "1.5" in place of 1.5 is a fault of the source, which we rather name than guess at.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


class PushedResource(_Part):
    """A thing that is measured."""

    id: Annotated[_Name, Field(description="Your own id of it; the same thing has the same id in every message.")]
    type: Annotated[_Text, Field(description="Its kind, in your words.")] = ""
    name: Annotated[_Text, Field(description="What a person calls it.")] = ""
    account: Annotated[_Text, Field(description="Whose it is; the name of the source where it is left out.")] = ""
    region: Annotated[_Text, Field(description="Where it is; 'global' where it is left out.")] = ""
    service: Annotated[_Text, Field(description="What it belongs to; the name of the source where left out.")] = ""
    tags: _Tags = {}
    attributes: _Attributes = {}


class PushedMetric(_Part):
    """One value of one metric."""

    name: Annotated[_Name, Field(description="cpu_utilization, training_loss ...")]
    value: Annotated[_Value, Field(description="A finite number; leave the metric out where it is not known.")]
    resource: Annotated[_Name | None, Field(description="The id of one of resources; left out: the source itself.")] = (
        None
    )
    time: Annotated[
        _Moment | None, Field(description="When it begins, with a zone, to the second; left out: sent_at.")
    ] = None
    period: Annotated[
        int, Field(ge=0, le=MAX_INT4, description="Seconds that it speaks of from there; 0 for a momentary reading.")
    ] = 0
    statistic: Annotated[_Name, Field(description="gauge, average, sum, maximum, p95 ...")] = "gauge"
    unit: Annotated[_Text, Field(description="percent, bytes, count ...")] = ""


class PushedCharge(_Part):
    """One line of a bill, in terms of FOCUS. Write amounts as text: a number may lose digits on its way."""

    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$", description="ISO 4217.")]
    billed_cost: _Amount | None = None
    effective_cost: _Amount | None = None
    list_cost: _Amount | None = None
    contracted_cost: _Amount | None = None
    charge_category: ChargeCategory | None = None
    charge_description: _Text = ""
    service_name: _Text = ""
    sub_account_id: _Text = ""
    sub_account_name: _Text = ""
    region_id: _Text = ""
    resource_id: _Text = ""
    sku_id: _Text = ""
    quantity: _Amount | None = None
    unit: _Text = ""
    tags: _Tags = {}
    estimated: bool | None = None
    service_category: _Text = ""
    availability_zone: _Text = ""
    invoice_id: _Text = ""
    pricing_category: _Text = ""
    pricing_quantity: _Amount | None = None
    pricing_unit: _Text = ""
    sku_price_id: _Text = ""
    commitment_discount_id: _Text = ""
    commitment_discount_status: _Text = ""
    commitment_discount_type: _Text = ""
    details: Annotated[_Tags, Field(description="What else is told of it, by the names of its columns.")] = {}


class PushedCosts(_Part):
    """All charges of one day that the source knows of: they replace those that it pushed for that day before."""

    day: Annotated[date, Field(description="In UTC.")]
    charges: list[PushedCharge]


class Push(_Part):
    """A message of ``finfleet.push``."""

    model_config = ConfigDict(title="finfleet.push")

    source: Annotated[
        str, Field(pattern=f"^{PART.pattern}$", description="The name that generic.sources gives the source.")
    ]
    sent_at: Annotated[_Moment, Field(description="Now, by the clock of the source, with a zone.")]
    key: Annotated[
        _Name | None,
        Field(
            description="Names this content: of messages of the same source and key, one is stored in each span of "
            "five minutes (for costs: each day) that they touch. Left out: the content itself, sent_at included."
        ),
    ] = None
    resources: list[PushedResource] = []
    metrics: list[PushedMetric] = []
    costs: list[PushedCosts] = []


def schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of the message."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Push.model_json_schema()}
