"""Recommendations of a provider on how to spend less: what could be done to a resource, and what that would save.

They are proposals of one moment, and never a part of a bill: a saving is an estimate of what was not spent yet.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated

import msgspec

Json = Annotated[str, msgspec.Meta(description="a JSON document")]
"""What a provider told as JSON, as it told it: each of its engines has a form of its own."""


class Recommendation(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """One proposal, as one delivery has it: the same for AWS's Cost Optimization Hub, Azure Advisor and Google's.

    Amounts are estimates a month in ``currency``. One that is not told is None, never zero: whether a thing saves
    nothing, or nobody knows what, is not the same.
    """

    #: The provider's own id: the same from one delivery to the next while the proposal stands.
    recommendation_id: str
    #: Which engine of the provider says so: ``ComputeOptimizer``, ``Advisor`` ...
    source: str = ""
    #: FOCUS SubAccountId: the account, subscription or project that would save.
    sub_account_id: str = ""
    sub_account_name: str = ""
    region_id: str = ""
    #: The provider's own full id; empty for what is to be bought for an account as a whole.
    resource_id: str = ""
    resource_type: str = ""
    #: In a few words, for a person: the type of a machine, the size of a volume.
    resource_summary: str = ""
    #: The provider's own word for what is to be done: ``Rightsize``, ``Delete``, ``PurchaseSavingsPlans`` ...
    action: str = ""
    recommended_type: str = ""
    recommended_summary: str = ""
    #: ISO 4217; empty where no amount is told.
    currency: str = ""
    #: What the resource costs now, a month; of a commitment what the usage costs that it would cover.
    monthly_cost: Decimal | None = None
    monthly_cost_after_discount: Decimal | None = None
    #: What of it would be saved; negative where the proposal costs more.
    monthly_savings: Decimal | None = None
    monthly_savings_after_discount: Decimal | None = None
    savings_percentage: Decimal | None = None
    savings_percentage_after_discount: Decimal | None = None
    #: The provider's own word: ``VeryLow`` to ``VeryHigh``.
    effort: str = ""
    restart_needed: bool | None = None
    rollback_possible: bool | None = None
    #: How many days of usage it rests on.
    lookback_days: int | None = None
    #: When the provider has last made it anew.
    refreshed_at: datetime | None = None
    tags: dict[str, str] = {}
    resource_details: Json = "{}"
    recommended_details: Json = "{}"
    #: What else was told, by the provider's own names.
    details: dict[str, str] = {}


def _of_type(kind: object) -> tuple[str, ...]:
    return tuple(field.name for field in msgspec.structs.fields(Recommendation) if field.type == kind)


TEXTS = _of_type(str)
DOCUMENTS = _of_type(Json)
AMOUNTS = _of_type(Decimal | None)
