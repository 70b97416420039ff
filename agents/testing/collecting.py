"""One collection in this process, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from agents.core.collection import Collection
from agents.core.context import Shared
from agents.core.owning import is_claimed
from agents.core.permissions import permission_of
from agents.core.service import Service, find, services
from telemetry.batch import MAX_BATCH_RECORDS, Batch, Outcome, Report, Run
from telemetry.builder import unpack
from telemetry.checks import check
from telemetry.costs import CostLine
from telemetry.errors import CollectionError, Denied, Throttled
from telemetry.records import CostRate, MetricPoint, Record, Resource
from telemetry.target import Target, Window


@dataclass
class Collected:
    """The batches of one run, each of which the checks of ingest have passed, and its report."""

    batches: list[Batch]
    report: Report
    error: CollectionError | None

    @property
    def records(self) -> list[Record]:
        """Everything, as a service yields it."""
        return [record for batch in self.batches for record in unpack(batch)]

    @property
    def resources(self) -> list[Resource]:
        """Those of every batch; one may be in several."""
        return [resource for batch in self.batches for resource in batch.resources]

    def points(self, metric: str | None = None) -> list[MetricPoint]:
        """All points, or those of one metric."""
        return [one for one in self.records if isinstance(one, MetricPoint) and metric in {None, one.metric}]

    def rates(self, basis: str | None = None) -> list[CostRate]:
        """All rates, or those of one basis."""
        return [one for one in self.records if isinstance(one, CostRate) and basis in {None, one.basis}]

    def costs(self, breakdown: str | None = None) -> list[CostLine]:
        """All lines of costs, or those of one breakdown."""
        lines = [line for batch in self.batches for line in batch.costs]
        return [line for line in lines if breakdown in {None, line.breakdown}]

    @property
    def calls(self) -> dict[str, int]:
        """Calls by API, as the meter counted them."""
        return {use.api: use.calls for use in self.report.apis}


def collect(
    shared: Shared, target: Target | str, window: Window, attempt: int = 1, *, batch_limit: int = MAX_BATCH_RECORDS
) -> Collected:
    """Run one collection to its end, well or not; InvalidRecord where ingest would not take what it yields."""
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


def check_owned(found: Collected) -> None:
    """AssertionError where a resource is measured or priced that the service does not claim.

    Of a provider none of whose services claims any, as where each thing is its source's own, nothing is asked.
    """
    service = _service(found)
    claims = {one.name: one.owns for one in services().values() if one.provider == service.provider}
    if not any(claims.values()):
        return
    for record in found.records:
        if isinstance(record, MetricPoint | CostRate):
            own_id = record.resource.resource_id
            assert is_claimed(service.owns, own_id), f"{service.name} does not claim {own_id}: name it in owns"


def check_collection(found: Collected) -> None:
    """AssertionError where a collection that ended well is not what its service says of itself.

    Calls are among its permissions; paid ones are priced; records are of the target and of the window; the same again
    has the same keys, so that a second reading replaces the first.
    """
    assert found.error is None, found.error
    run, service = found.report.run, _service(found)
    for use in found.report.apis:
        permission = permission_of(service.provider, use.api)
        assert not permission or permission in service.permissions, f"{use.api} is called: name its permission"
        assert use.api not in service.paid or not use.calls or use.cost_usd, f"{use.api} is paid, and cost nothing"
    assert found.calls or not service.permissions, "no call was metered"
    assert bool(found.report.records) == bool(found.records)
    for resource in found.resources:
        named = (resource.provider, resource.account, resource.region, resource.service)
        assert all(named), resource
    for record in found.records:
        if isinstance(record, MetricPoint | CostRate):
            assert record.start in run.window, record
            assert record.start.timestamp() + record.period <= run.window.end.timestamp(), record
    check_owned(found)
    points = [(one.resource.key, one.metric, one.unit, one.statistic, one.period, one.start) for one in found.points()]
    assert len(set(points)) == len(points), "a point twice"


def check_denied(found: Collected) -> None:
    """AssertionError where a refusal for want of a permission does not name one that the service says it needs."""
    assert isinstance(found.error, Denied), found.error
    assert found.report.outcome is Outcome.DENIED
    assert found.report.permission in _service(found).permissions, found.report.permission


def check_throttled(found: Collected) -> None:
    """AssertionError where a request to wait is not counted, or names no quota of the provider's."""
    assert isinstance(found.error, Throttled), found.error
    assert found.report.outcome is Outcome.THROTTLED
    assert sum(use.throttles for use in found.report.apis) > 0, "the meter was not told: context.meter.throttle(api)"
    assert found.error.scope.startswith(f"{found.report.run.target.provider}/"), found.error.scope


def check_estimate(found: Collected, resources: int, shared: Shared | None = None, *, exactly: bool = False) -> None:
    """AssertionError where a window of so many resources took other calls, or dollars, than its service says it does.

    More may come only of what the estimate's ``more`` names, less only of its ``less``; ``exactly``: neither. With
    ``shared`` it is the estimate of the account as configured there. ``found`` is a second collection in one process:
    what is looked up once a day is known by then.
    """
    run, service = found.report.run, _service(found)
    estimate = service.estimate(run.window, resources)
    if shared is not None:
        section = shared.settings.provider(service.provider)
        assert section is not None
        account = next(one for one in section.accounts_of(service.provider) if one.name == run.target.account)
        estimate = service.estimate_for(run.window, resources, section, account)
    made = {use.api: use.calls for use in found.report.apis if use.calls}
    spent = sum((use.cost_usd or Decimal(0) for use in found.report.apis), Decimal(0))
    said = {api: calls for api, calls in estimate.calls.items() if calls}
    told = f"{said} for USD {estimate.cost_usd} {estimate.bound or 'exactly'}; {made} were made for USD {spent}"
    if exactly or not estimate.more:
        assert all(calls <= said.get(api, 0) for api, calls in made.items()), told
        assert estimate.cost_usd is None or spent <= estimate.cost_usd, told
    if exactly or not estimate.less:
        assert all(calls <= made.get(api, 0) for api, calls in said.items()), told
        assert estimate.cost_usd is None or spent >= estimate.cost_usd, told


def _service(found: Collected) -> Service:
    target = found.report.run.target
    return find(target.provider, target.service)
