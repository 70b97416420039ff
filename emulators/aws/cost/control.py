"""`/_local/costs`: load, restate and clear the cost lines from another process."""

from datetime import date
from typing import Any

import msgspec

from emulators.aws.cost.lines import CostLine, CostTable
from emulators.core.control import ControlPages


def add_cost_pages(control: ControlPages, table: CostTable) -> None:
    """Serve `POST` (add lines), `PUT ?day=YYYY-MM-DD` (restate a day) and `DELETE`; bodies are arrays of lines."""

    def load(_query: dict[str, str], body: bytes) -> dict[str, Any]:
        lines = msgspec.json.decode(body, type=list[CostLine])
        table.load(lines)
        return {"lines": len(lines)}

    def restate(query: dict[str, str], body: bytes) -> dict[str, Any]:
        if "day" not in query:
            raise ValueError("the query parameter day is missing: PUT /_local/costs?day=YYYY-MM-DD")
        lines = msgspec.json.decode(body, type=list[CostLine])
        table.restate(date.fromisoformat(query["day"]), lines)
        return {"lines": len(lines)}

    control.add("POST", "costs", load)
    control.add("PUT", "costs", restate)
    control.add("DELETE", "costs", lambda _query, _body: table.clear())
