"""Node pools of AKS clusters: how many nodes of which sizes, as far as all of it can be read."""

from typing import Any

import pytest

from agents.azure.pools import Pool
from agents.core.items import Item

_GROUP = {"size": "Standard_D2s_v5", "count": 2}
_MANUAL = {"virtualMachinesProfile": {"scale": {"manual": [_GROUP]}}}


@pytest.mark.parametrize(
    ("told", "nodes"),
    [
        ({"virtualMachineNodesStatus": [_GROUP]}, 2),
        (_MANUAL, 2),
        ({**_MANUAL, "virtualMachineNodesStatus": [_GROUP, {**_GROUP, "count": 1}]}, 3),
        ({"count": 4}, 4),
        ({}, None),
        ({"virtualMachineNodesStatus": [_GROUP, 7]}, None),
        ({"virtualMachineNodesStatus": [_GROUP, {"count": 1.5}]}, None),
        ({**_MANUAL, "virtualMachineNodesStatus": "two"}, None),
    ],
    ids=str,
)
def test_nodes_are_counted_where_all_of_their_groups_can_be_read(told: dict[str, Any], nodes: int | None) -> None:
    assert Pool.of(Item({"name": "a", "type": "VirtualMachines", **told}), "running", "").nodes == nodes
