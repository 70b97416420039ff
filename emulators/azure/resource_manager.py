"""The Resource Manager's lists: subscriptions, groups, resources of a type, with pages and a bucket of reads."""

import base64
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from emulators.azure.errors import AzureError, json_reply
from emulators.azure.fault_errors import bad_page, denied
from emulators.azure.faults import Faults
from emulators.azure.operations import Operation, path
from emulators.azure.places import RESOURCE_MANAGER
from emulators.azure.request import AzureRequest
from emulators.azure.resources import AzureResource, ResourceStore
from emulators.azure.subscriptions import Subscription, Subscriptions
from emulators.core.reply import Reply

_IN_GROUP = r"/subscriptions/(?P<subscription>[^/]+)(?:/resourceGroups/(?P<group>[^/]+))?"
_TYPE_FILTER = re.compile(r"\s*resourceType\s+eq\s+'([^']+)'\s*", re.IGNORECASE)
_VERSIONS = {
    "subscriptions": frozenset({"2016-06-01", "2019-06-01", "2020-01-01", "2021-01-01", "2022-12-01"}),
    "resources": frozenset({"2019-10-01", "2020-06-01", "2021-04-01", "2022-09-01", "2024-03-01", "2025-04-01"}),
    "virtualMachines": frozenset(
        {"2022-03-01", "2023-03-01", "2023-09-01", "2024-03-01", "2024-07-01", "2024-11-01", "2025-04-01"}
    ),
}


def page_of(
    request: AzureRequest, found: list[Any], size: int, render: Callable[[Any], dict[str, Any]]
) -> dict[str, Any]:
    """One page of a list, with the `nextLink` to the next where there is one."""
    first = 0
    if token := request.query.get("$skiptoken"):
        try:
            first = int(base64.urlsafe_b64decode(token))
        except ValueError as error:
            raise bad_page(request) from error
    payload: dict[str, Any] = {"value": [render(one) for one in found[first : first + size]]}
    if first + size < len(found):
        kept = "&".join(f"{name}={quote(value)}" for name, value in request.query.items() if name != "$skiptoken")
        following = quote(base64.urlsafe_b64encode(str(first + size).encode()).decode())
        payload["nextLink"] = f"{request.base}{request.path}?{kept}&$skiptoken={following}"
    return payload


class ResourceManager:
    """Lists what there is. `page_size` may be changed at run time."""

    def __init__(self, resources: ResourceStore, subscriptions: Subscriptions, *, faults: Faults) -> None:
        self.page_size = 50
        self._resources = resources
        self._subscriptions = subscriptions
        self._faults = faults

    def operations(self) -> list[Operation]:
        """What it serves."""
        vm = "Microsoft.Compute/virtualMachines"
        return [
            self._operation("subscriptions", "/subscriptions", self._list_subscriptions),
            self._operation("subscriptions", "/subscriptions/[^/]+", self._get_subscription, "subscription"),
            self._operation("resources", f"{_IN_GROUP}/resourceGroups", self._list_groups, "resourceGroups"),
            self._operation("resources", f"{_IN_GROUP}/resources", self._list_resources, "resources"),
            self._operation(
                "virtualMachines", f"{_IN_GROUP}/providers/{vm}", self._list_vms, "virtualMachines", f"{vm}/read"
            ),
        ]

    def _operation(
        self,
        versions: str,
        where: str,
        handle: Callable[[AzureRequest], Reply],
        name: str = "subscriptions",
        action: str = "",
    ) -> Operation:
        return Operation(
            f"resource_manager:{name}",
            "GET",
            path(where),
            handle,
            service=RESOURCE_MANAGER,
            versions=_VERSIONS[versions],
            action=action,
            counted=True,
        )

    def _list_subscriptions(self, request: AzureRequest) -> Reply:
        found = [
            one
            for one in self._subscriptions.of(request.tenant)
            if not self._faults.denied("Microsoft.Resources/subscriptions/read", f"/subscriptions/{one.id}")
        ]
        payload = page_of(request, found, self.page_size, self._told)
        return json_reply(payload | {"count": {"type": "Total", "value": len(payload["value"])}})

    def _get_subscription(self, request: AzureRequest) -> Reply:
        found = self._subscriptions.get(request.subscription)
        if found is None:
            raise AzureError(404, "SubscriptionNotFound", f"The subscription '{request.subscription}' was not found.")
        action, scope = "Microsoft.Resources/subscriptions/read", f"/subscriptions/{found.id}"
        if self._faults.denied(action, scope):
            raise denied(request, action, scope)
        return json_reply(self._told(found))

    def _told(self, subscription: Subscription) -> dict[str, Any]:
        told = subscription.as_json()
        return told | {"state": "Disabled"} if self._faults.is_disabled(subscription.id) else told

    def _found(self, request: AzureRequest, kind: str | None = None) -> list[AzureResource]:
        group = request.parts.get("group", "").lower()
        found = [one for one in self._resources.of([request.subscription], kind) if group in {"", one.group.lower()}]
        where = f"/subscriptions/{request.subscription}/resourceGroups/{group}"
        if group and self._faults.denied(f"{kind or 'Microsoft.Resources/resources'}/read", where):
            raise denied(request, f"{kind or 'Microsoft.Resources/resources'}/read", where)
        if group and not self._exists(request.subscription, group):
            raise AzureError(404, "ResourceGroupNotFound", f"Resource group '{group}' could not be found.")
        return [one for one in found if not self._faults.denied(f"{one.type}/read", one.id)]

    def _exists(self, subscription: str, group: str) -> bool:
        return any(one.group.lower() == group for one in self._resources.of([subscription]))

    def _list_groups(self, request: AzureRequest) -> Reply:
        groups = {one.group.lower(): one for one in self._resources.of([request.subscription])}

        def told(one: AzureResource) -> dict[str, Any]:
            return {
                "id": f"/subscriptions/{one.subscription}/resourceGroups/{one.group.lower()}",
                "name": one.group.lower(),
                "type": "Microsoft.Resources/resourceGroups",
                "location": one.location,
                "properties": {"provisioningState": "Succeeded"},
            }

        return json_reply(page_of(request, list(groups.values()), self.page_size, told))

    def _list_resources(self, request: AzureRequest) -> Reply:
        kind = None
        if text := request.query.get("$filter"):
            matched = _TYPE_FILTER.fullmatch(text)
            if matched is None:
                raise AzureError(
                    400, "InvalidFilterInQueryString", f"Invalid $filter '{text}' specified in the query string."
                )
            kind = matched[1]
        found = self._found(request, kind)
        return json_reply(page_of(request, found, self.page_size, lambda one: _without_properties(one.as_json())))

    def _list_vms(self, request: AzureRequest) -> Reply:
        found = self._found(request, "Microsoft.Compute/virtualMachines")
        status_only = request.query.get("statusonly", "").lower() == "true"
        return json_reply(page_of(request, found, self.page_size, lambda one: _vm(one, status_only=status_only)))


def _without_properties(told: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in told.items() if name != "properties"}


def _vm(one: AzureResource, *, status_only: bool) -> dict[str, Any]:
    properties = {name: value for name, value in one.properties.items() if name != "extended"}
    if status_only:
        power = one.properties["extended"]["instanceView"]["powerState"]
        succeeded = {"code": "ProvisioningState/succeeded", "level": "Info", "displayStatus": "Provisioning succeeded"}
        properties["instanceView"] = {"statuses": [succeeded, power]}
    return one.as_json(properties)
