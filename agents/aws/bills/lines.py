"""What follows from the sums of a Cost and Usage Report: sums of sums, and the names of tags."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Context as DecimalContext
from decimal import Decimal, Inexact
from typing import Any

import msgspec

from telemetry.costs import CostLine

SPLIT = "split"
"""The breakdown of pods and tasks: shares of instances, whose own lines have the costs."""
PARENT = "ParentResourceId"
NET = "NetAmortizedCost"
SECOND, NET_SECOND, LIST_SECOND = "second", "net second", "list second"
"""Amounts that are parts: of EffectiveCost, of NET and of ListCost."""
_EXACT = DecimalContext(prec=2000, traps=[Inexact])
_SIGNS = {"RIFee": 1, "SavingsPlanRecurringFee": -1}
"""Kinds of lines whose EffectiveCost is the fee that was not used: of a plan what was committed less what was used."""
_USER = "user_"


def finished(line: CostLine) -> CostLine:
    """A line with what follows from its sums, and with the keys of tags as their owners know them."""
    if not line.charge_type:  # of FOCUS, where nothing has to follow
        return line
    changes = _costs(line) if line.breakdown == SPLIT or line.charge_type in _SIGNS else {}
    tags = _tags(line.tags)
    if tags != line.tags:
        changes["tags"] = tags
    return msgspec.structs.replace(line, **changes) if changes else line


def _costs(line: CostLine) -> dict[str, Any]:
    amounts = dict(line.amounts)
    second, net_second, list_second = (amounts.pop(name, None) for name in (SECOND, NET_SECOND, LIST_SECOND))
    sign = _SIGNS.get(line.charge_type, 1)
    changes: dict[str, Any] = {"effective_cost": _sum(line.effective_cost, second, sign), "amounts": amounts}
    net = _sum(amounts.pop(NET, None), net_second)
    if net is not None:
        amounts[NET] = net
    if line.breakdown == SPLIT:
        changes["list_cost"] = _sum(line.list_cost, list_second)
        told = {"SplitCost": line.effective_cost, "UnusedCost": second}
        amounts.update({name: amount for name, amount in told.items() if amount is not None})
    return changes


def _sum(one: Decimal | None, other: Decimal | None, sign: int = 1) -> Decimal | None:
    """None where one of them is not told."""
    if one is None or other is None:
        return None
    return _EXACT.add(one, other if sign > 0 else other.copy_negate())


def _tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Without tags that have no value, and without AWS's mark of a user's own, where no other has the name.

    CUR 2.0 writes a key in small letters with ``_`` for anything else: ``user_cost_center`` for ``Cost Center``.
    """
    told = {key: value for key, value in tags.items() if value}
    return {_key(key, told): value for key, value in told.items()}


def _key(key: str, others: Mapping[str, str]) -> str:
    own = key.removeprefix(_USER)
    return own if own and own not in others else key
