"""What collections of this process would leave in Postgres, in the form that final_tables has it."""

from collections.abc import Sequence
from typing import Any

import msgspec

from tests.support.collecting import Collected
from tests.support.final_tables import Tables


def tables_of(collected: Sequence[Collected]) -> Tables:
    """As the tables have it once it is stored. Bills are not among it."""
    rates = [rate for one in collected for rate in one.rates()]
    points = [point for one in collected for point in one.points()]
    runs = [one.report.run for one in collected]
    return Tables(
        windows={
            (str(run.target), run.window.start): (run.window.end, str(one.report.outcome))
            for run, one in zip(runs, collected, strict=True)
        },
        points={
            (p.resource.resource_id, p.metric, p.source_metric, p.unit, p.statistic, p.period, p.start): p.value
            for p in points
        },
        rates={
            (r.resource.resource_id, r.start, r.period): (f"{r.amount:f}", r.currency, r.basis, r.resource.type)
            for r in rates
        },
        costs=[],
        resources={resource.resource_id: _as_row(resource) for one in collected for resource in one.resources},
    )


def _as_row(resource: Any) -> dict[str, Any]:
    fields = msgspec.structs.asdict(resource)
    return {name: fields[name] for name in ("account", "region", "service", "type", "name", "tags", "attributes")}
