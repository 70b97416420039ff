"""Every call that a service makes needs a permission that the service names, and no other is named."""

from collections.abc import Iterator

import pytest

from agents.azure.permissions import permission_of
from agents.core.service import find
from emulators.azure import DEFAULT_SUBSCRIPTION, LocalAzure
from emulators.azure.seed import seed_aks, seed_costs, seed_functions, seed_ml, seed_storage, seed_vms
from telemetry.target import Window
from tests.support.azure import WINDOW, shared, standing_azure
from tests.support.collecting import collect
from tests.support.costs import DAY

_HOUR = Window(WINDOW.start.replace(hour=9, minute=0), WINDOW.start.replace(hour=10, minute=0))
_WORKSPACE = "99999999-9999-4999-8999-999999999999"
_WINDOWS = {
    "aks": WINDOW,
    "cost": DAY,
    "functions": WINDOW,
    "ml_workspace": Window(WINDOW.start.replace(minute=30), WINDOW.end),
    "storage": _HOUR,
    "virtual_machines": WINDOW,
}
_READ_BY_GRAPH = {
    "Microsoft.Compute/virtualMachines/read",
    "Microsoft.ContainerService/managedClusters/read",
    "Microsoft.MachineLearningServices/workspaces/read",
    "Microsoft.Storage/storageAccounts/read",
    "Microsoft.Web/sites/Read",
}
"""What Resource Graph shows is what may be read: these are no calls of their own."""


@pytest.fixture(scope="module")
def azure() -> Iterator[LocalAzure]:
    with standing_azure() as running:
        seed_vms(running, 12, [DEFAULT_SUBSCRIPTION])
        for seed in (seed_aks, seed_functions, seed_storage, seed_ml, seed_costs):
            seed(running)
        running.logs.workspace(_WORKSPACE, DEFAULT_SUBSCRIPTION)
        yield running


@pytest.mark.parametrize("service", sorted(_WINDOWS))
def test_a_service_names_what_its_calls_need(azure: LocalAzure, service: str) -> None:
    azure.reset_calls()
    process = shared(azure, logs_workspace_id=_WORKSPACE)

    collected = collect(process, f"azure/default/global/{service}", _WINDOWS[service])

    assert collected.error is None
    assert collected.report.records > 0
    made = {use.api for use in collected.report.apis}
    assert made == azure.calls().keys()
    needed = {permission_of(api) for api in made} - {""}
    assert needed == set(find("azure", service).permissions) - _READ_BY_GRAPH


@pytest.mark.parametrize("service", sorted(set(_WINDOWS) - {"cost"}))
def test_what_may_not_be_read_is_not_there(azure: LocalAzure, service: str) -> None:
    (own,) = _READ_BY_GRAPH & set(find("azure", service).permissions)
    azure.faults.deny(action=own)
    try:
        collected = collect(shared(azure), f"azure/default/global/{service}", _WINDOWS[service])
    finally:
        azure.faults.clear()
    assert collected.error is None
    assert collected.resources == []
