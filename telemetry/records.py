"""The normalized records: what an agent yields, whatever the provider.

A record that does not exist is left out: there is no zero and no null that stands for "unknown".
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import msgspec

from telemetry.costs import CostLine
from telemetry.deliveries import Delivery
from telemetry.recommendations import Recommendation

AttributeValue = str | int | float | bool | None
"""What an attribute of a resource may be."""


class Resource(msgspec.Struct, frozen=True, array_like=True, kw_only=True, eq=False):
    """A thing that a provider bills or measures.

    Compared by identity of ``key``: two readings of one resource are the same resource.
    """

    provider: str
    #: The provider's own account, subscription or project id.
    account: str
    region: str
    service: str
    #: The provider's own full id (an ARN, an Azure resource id, a Google full resource name, or the plain id).
    resource_id: str
    #: The kind, in the provider's words: ``m5.large``, ``Standard_D4s_v5`` ...
    type: str = ""
    name: str = ""
    tags: dict[str, str] = {}
    attributes: dict[str, AttributeValue] = {}
    #: Whether this is all that there is to say of it, as of a listing: what it lacks is not there. False where only a
    #: part of it could be seen, as by the labels of a metric: what it lacks is unknown, and takes nothing away.
    #: Last, and with a default: messages of an older release lack it, and older readers pass it over.
    whole: bool = True

    @property
    def key(self) -> tuple[str, str, str, str, str]:
        """What makes it the same resource: provider, account, region, service, resource_id."""
        return (self.provider, self.account, self.region, self.service, self.resource_id)


class MetricPoint(msgspec.Struct, frozen=True, kw_only=True):
    """One value of one metric of one resource over ``[start, start + period)``."""

    resource: Resource
    #: Normalized name: ``cpu_utilization``, ``memory_utilization``, ``network_in`` ...
    metric: str
    #: The provider's own name of the metric, kept for those who look it up: ``CPUUtilization``.
    source_metric: str
    #: ``percent``, ``bytes``, ``count`` ...
    unit: str
    #: ``average``, ``sum``, ``minimum``, ``maximum``, ``sample_count``, ``p95`` ..., ``gauge`` for a momentary reading.
    statistic: str
    start: datetime
    #: Seconds; the length of the interval that the value speaks of.
    period: int
    value: float


class CostRate(msgspec.Struct, frozen=True, kw_only=True):
    """What one resource costs an hour while in the state that it had over ``[start, start + period)``.

    A list price, not a bill. Unknown prices have no record.
    """

    resource: Resource
    start: datetime
    period: int
    #: Per hour; Decimal from the price list to the database.
    amount: Decimal
    #: ISO 4217.
    currency: str
    #: Where the figure comes from: ``on_demand_list``, ``spot``, ``stopped`` (a stopped instance costs no compute) ...
    basis: str


Record = Resource | MetricPoint | CostRate | CostLine | Delivery | Recommendation
"""What an agent yields.

A point or a rate brings its resource along; a resource without either comes alone. A line of costs names its resource
by id, if at all: what is on a bill need not exist any more. So does a recommendation. A delivery says what of a bill
there is to be read.
"""
