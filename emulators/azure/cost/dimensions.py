"""The dimensions that costs can be grouped and filtered by, which differ with the agreement."""

from collections.abc import Callable

from emulators.azure.cost.lines import CostLine
from emulators.azure.subscriptions import Subscription

Read = Callable[[Subscription, CostLine], str]
TAG_KEY = "tag:"

_READ: dict[str, Read] = {
    "ResourceGroup": lambda _s, line: line.resource_group,
    "ResourceGroupName": lambda _s, line: line.resource_group,
    "ResourceType": lambda _s, line: line.resource_type,
    "ResourceId": lambda _s, line: line.resource_id.lower(),
    "ResourceLocation": lambda _s, line: line.resource_location,
    "SubscriptionId": lambda subscription, _line: subscription.id,
    "SubscriptionName": lambda subscription, _line: subscription.name,
    "MeterCategory": lambda _s, line: line.meter_category or line.service_name,
    "MeterSubcategory": lambda _s, line: line.meter_subcategory,
    "Meter": lambda _s, line: line.meter,
    "MeterId": lambda _s, line: line.meter_id,
    "ServiceName": lambda _s, line: line.service_name,
    "ServiceFamily": lambda _s, line: line.service_family,
    "ServiceTier": lambda _s, line: line.service_tier,
    "UnitOfMeasure": lambda _s, line: line.unit,
    "Product": lambda _s, line: line.product,
    "ChargeType": lambda _s, line: line.charge_type,
    "PublisherType": lambda _s, line: line.publisher_type,
    "PricingModel": lambda _s, line: line.pricing_model,
    "Frequency": lambda _s, line: line.frequency,
    "ReservationId": lambda _s, line: line.reservation_id,
    "ReservationName": lambda _s, line: line.reservation_name,
    "BenefitId": lambda _s, line: line.benefit_id,
    "BenefitName": lambda _s, line: line.benefit_name,
    "InvoiceId": lambda _s, line: line.invoice_id,
}
_MCA_ONLY = {"ServiceFamily", "UnitOfMeasure", "Product", "InvoiceId"}
_PAYG_ONLY = {"ServiceTier", "MeterId"}


def dimensions(agreement: str) -> dict[str, str]:
    """The names of an agreement's dimensions, by their lower-case form."""
    missing = _PAYG_ONLY if agreement == "mca" else _MCA_ONLY
    return {name.lower(): name for name in _READ if name not in missing}


def value_of(name: str) -> Read:
    """How a dimension is read, or a tag that is named after `TAG_KEY`."""
    if name.startswith(TAG_KEY):
        key = name.removeprefix(TAG_KEY).lower()
        return lambda _s, line: next((value for name, value in line.tags.items() if name.lower() == key), "")
    return _READ[name]
