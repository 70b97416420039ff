"""`/_local/costs`: load, restate and clear cost lines from another process."""

from datetime import date
from typing import Any

import msgspec

from emulators.azure.cost.lines import CostLine, CostTable
from emulators.core.control import ControlPages


def add_cost_pages(control: ControlPages, table: CostTable) -> None:
    """Serve `POST ?subscription=&day=YYYY-MM-DD` (add lines), `PUT` of the same (restate the day) and `DELETE`.

    Bodies are arrays of lines.
    """

    def load(query: dict[str, str], body: bytes) -> dict[str, Any]:
        subscription, day = _partition(query)
        lines = msgspec.json.decode(body, type=list[CostLine])
        table.load(subscription, day, lines)
        return {"lines": len(lines)}

    def restate(query: dict[str, str], body: bytes) -> dict[str, Any]:
        subscription, day = _partition(query)
        lines = msgspec.json.decode(body, type=list[CostLine])
        table.restate(subscription, day, lines)
        return {"lines": len(lines)}

    control.add("POST", "costs", load)
    control.add("PUT", "costs", restate)
    control.add("DELETE", "costs", lambda _query, _body: table.clear())


def _partition(query: dict[str, str]) -> tuple[str, date]:
    for name in ("subscription", "day"):
        if name not in query:
            raise ValueError(f"the query parameter {name} is missing: /_local/costs?subscription=ID&day=YYYY-MM-DD")
    return query["subscription"], date.fromisoformat(query["day"])
