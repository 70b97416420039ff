"""One collection in this process, and what came of it."""

from dataclasses import dataclass

from agents.core.collection import Collection
from agents.core.context import Shared
from telemetry.batch import MAX_BATCH_RECORDS, Batch, Report, Run
from telemetry.builder import unpack
from telemetry.checks import check
from telemetry.costs import CostLine
from telemetry.errors import CollectionError
from telemetry.records import CostRate, MetricPoint, Resource
from telemetry.target import Target, Window


@dataclass
class Collected:
    """The batches of one run, each of which the checks of ingest have passed, and its report."""

    batches: list[Batch]
    report: Report
    error: CollectionError | None

    @property
    def resources(self) -> list[Resource]:
        return [resource for batch in self.batches for resource in batch.resources]

    def points(self, metric: str | None = None) -> list[MetricPoint]:
        """All points, or those of one metric."""
        records = [record for batch in self.batches for record in unpack(batch)]
        return [one for one in records if isinstance(one, MetricPoint) and metric in {None, one.metric}]

    def rates(self, basis: str | None = None) -> list[CostRate]:
        """All rates, or those of one basis."""
        records = [record for batch in self.batches for record in unpack(batch)]
        return [one for one in records if isinstance(one, CostRate) and basis in {None, one.basis}]

    def costs(self, breakdown: str | None = None) -> list[CostLine]:
        """All lines of costs, or those of one breakdown."""
        lines = [line for batch in self.batches for line in batch.costs]
        return [line for line in lines if breakdown in {None, line.breakdown}]

    @property
    def calls(self) -> dict[str, int]:
        """Calls by API, as the local AWS spells it."""
        return {use.api.replace(":", "."): use.calls for use in self.report.apis}

    @property
    def throttles(self) -> dict[str, int]:
        return {use.api.replace(":", "."): use.throttles for use in self.report.apis if use.throttles}


def collect(
    shared: Shared, target: Target | str, window: Window, attempt: int = 1, *, batch_limit: int = MAX_BATCH_RECORDS
) -> Collected:
    """Run one collection to its end, well or not."""
    target = Target.parse(target) if isinstance(target, str) else target
    collection = Collection(shared, Run.start(target, window, attempt, shared.now()), batch_limit=batch_limit)
    batches: list[Batch] = []
    error = None
    try:
        for batch in collection.batches():
            check(batch)
            batches.append(batch)
    except CollectionError as raised:
        error = raised
    report = collection.report(error)
    check(report)
    return Collected(batches, report, error)
