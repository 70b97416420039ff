"""Recommendations of the Cost Optimization Hub: what the columns of its table are in a Recommendation."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from agents.aws.bills.columns import canonical
from agents.core.bills.proving import Row
from agents.core.bills.tags import parse_tags
from agents.core.context import Context
from telemetry.amounts import parse_amount
from telemetry.errors import CollectionFailed
from telemetry.recommendation_checks import MAX_DOCUMENT, document_fault
from telemetry.recommendations import Recommendation

_ID = "recommendation_id"
_TEXTS = MappingProxyType(
    {
        "source": "recommendation_source",
        "sub_account_id": "account_id",
        "sub_account_name": "account_name",
        "region_id": "region",
        "resource_id": "resource_arn",
        "resource_type": "current_resource_type",
        "resource_summary": "current_resource_summary",
        "action": "action_type",
        "recommended_type": "recommended_resource_type",
        "recommended_summary": "recommended_resource_summary",
        "effort": "implementation_effort",
    }
)
_AMOUNTS = MappingProxyType(
    {
        "monthly_cost": "estimated_monthly_cost_before_discount",
        "monthly_cost_after_discount": "estimated_monthly_cost_after_discount",
        "monthly_savings": "estimated_monthly_savings_before_discount",
        "monthly_savings_after_discount": "estimated_monthly_savings_after_discount",
        "savings_percentage": "estimated_savings_percentage_before_discount",
        "savings_percentage_after_discount": "estimated_savings_percentage_after_discount",
    }
)
_FLAGS = MappingProxyType({"restart_needed": "restart_needed", "rollback_possible": "rollback_possible"})
_DOCUMENTS = MappingProxyType(
    {"resource_details": "current_resource_details", "recommended_details": "recommended_resource_details"}
)
_CURRENCY, _LOOKBACK, _REFRESHED, _TAGS = (
    "currency_code",
    "recommendation_lookback_period_in_days",
    "last_refresh_timestamp",
    "tags",
)
_KNOWN = frozenset(
    {_ID, _CURRENCY, _LOOKBACK, _REFRESHED, _TAGS}.union(
        *(names.values() for names in (_TEXTS, _AMOUNTS, _FLAGS, _DOCUMENTS))
    )
)
_TRUTHS = MappingProxyType({"true": True, "false": False})
_WRITTEN = "%a %b %d %H:%M:%S UTC %Y"
"""``Sat Nov 28 03:04:05 UTC 2026``."""
_LEFT_OUT = '{"left_out": "longer than a message can hold"}'


class Maker:
    """Makes recommendations of the rows of files, whatever columns the export has."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def of_columns(self, columns: tuple[str, ...]) -> Callable[[Row], Recommendation]:
        """For the columns of a file; CollectionFailed where they are those of no recommendation."""
        names = [canonical(column) for column in columns]
        if columns and _ID not in names:
            raise CollectionFailed(
                f"{_ID} is not among the {len(columns)} columns ({', '.join(columns[:10])} ...): export the table "
                "COST_OPTIMIZATION_RECOMMENDATIONS, and select it in the query"
            )
        return lambda row: self._made({name: text for name, text in zip(names, row, strict=True) if text})

    def _made(self, told: dict[str, str]) -> Recommendation:
        if _ID not in told:
            raise CollectionFailed(f"a recommendation has no {_ID}")
        details = {name: text for name, text in told.items() if name not in _KNOWN}
        tags, unread = parse_tags(told[_TAGS]) if _TAGS in told else ({}, "")
        refreshed = _moment(told.get(_REFRESHED, ""))
        if unread:
            details[_TAGS] = unread
        if refreshed is None and _REFRESHED in told:
            details[_REFRESHED] = told[_REFRESHED]
        amounts: dict[str, Any] = {field: _amount(told, name) for field, name in _AMOUNTS.items()}
        fields: dict[str, Any] = {field: told.get(name, "") for field, name in _TEXTS.items()}
        fields |= {field: _TRUTHS.get(told.get(name, "").lower()) for field, name in _FLAGS.items()}
        fields |= {field: self._document(told.get(name, "")) for field, name in _DOCUMENTS.items()}
        return Recommendation(
            recommendation_id=told[_ID],
            currency=_currency(told, needed=any(amount is not None for amount in amounts.values())),
            lookback_days=_days(told),
            refreshed_at=refreshed,
            tags=tags,
            details=details,
            **fields,
            **amounts,
        )

    def _document(self, text: str) -> str:
        """JSON as it is; what is none is a text in JSON."""
        if not text:
            return "{}"
        if len(text) <= MAX_DOCUMENT and not document_fault(text):
            return text
        text = json.dumps(text)
        if len(text) <= MAX_DOCUMENT and not document_fault(text):
            return text
        self._context.partial("details", "longer than a message can hold", of="recommendations")
        return _LEFT_OUT


def _amount(told: dict[str, str], name: str) -> Decimal | None:
    try:
        return parse_amount(told[name]) if name in told else None
    except ValueError as error:
        raise CollectionFailed(f"the recommendation {told[_ID]:.100}: {name}: {error}") from None


def _currency(told: dict[str, str], *, needed: bool) -> str:
    found = told.get(_CURRENCY, "").upper()
    if needed and not found:
        raise CollectionFailed(f"the recommendation {told[_ID]:.100} has amounts and no {_CURRENCY}: select it, too")
    return found


def _days(told: dict[str, str]) -> int | None:
    """None where it is not told; a whole number may be written as that of a float."""
    amount = _amount(told, _LOOKBACK)
    return int(amount) if amount is not None and amount == amount.to_integral_value() else None


def _moment(text: str) -> datetime | None:
    """None where it is in no known form: the text stays among the details."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        try:
            found = datetime.strptime(text, _WRITTEN)  # noqa: DTZ007 - its zone is in the text
        except ValueError:
            return None
    return found.astimezone(UTC) if found.tzinfo is not None else found.replace(tzinfo=UTC)
