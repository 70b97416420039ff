"""The subscriptions of every tenant."""

import threading
from dataclasses import dataclass
from typing import Any

from emulators.azure.directory import DEFAULT_TENANT

DEFAULT_SUBSCRIPTION = "11111111-1111-4111-8111-111111111111"
SECOND_SUBSCRIPTION = "22222222-2222-4222-8222-222222222222"


@dataclass(frozen=True)
class Subscription:
    """One subscription. `state` is Azure's word: `Enabled`, `Disabled`, `Warned`, `PastDue`, `Deleted`."""

    id: str
    tenant: str = DEFAULT_TENANT
    name: str = ""
    state: str = "Enabled"
    offer: str = "PayAsYouGo_2014-09-01"

    def as_json(self) -> dict[str, Any]:
        """As the Resource Manager lists it."""
        return {
            "id": f"/subscriptions/{self.id}",
            "authorizationSource": "RoleBased",
            "managedByTenants": [],
            "subscriptionId": self.id,
            "tenantId": self.tenant,
            "displayName": self.name,
            "state": self.state,
            "subscriptionPolicies": {
                "locationPlacementId": "Public_2014-09-01",
                "quotaId": self.offer,
                "spendingLimit": "Off",
            },
        }


class Subscriptions:
    """Every subscription, by id."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._all: dict[str, Subscription] = {}

    def ensure(self, subscription: str, tenant: str = DEFAULT_TENANT, name: str = "") -> Subscription:
        """The subscription; it is made where there is none yet."""
        key = subscription.lower()
        with self._lock:
            number = len(self._all) + 1
            return self._all.setdefault(key, Subscription(key, tenant.lower(), name or f"subscription-{number}"))

    def get(self, subscription: str) -> Subscription | None:
        """The subscription with that id."""
        return self._all.get(subscription.lower())

    def of(self, tenant: str) -> list[Subscription]:
        """The subscriptions of one tenant, in order of their ids."""
        with self._lock:
            return sorted((one for one in self._all.values() if one.tenant == tenant.lower()), key=lambda one: one.id)
