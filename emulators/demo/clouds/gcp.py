"""Google Cloud: Compute Engine in two projects, and the billing export."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from emulators.demo.clouds.cloud import Calls, Cloud, Expected, Planned
from emulators.gcp import LocalGcp
from emulators.gcp.seed import BillingSeed, ComputeSeed, seed_billing, seed_compute

PROJECTS = ("acme-web", "acme-ml")
ZONES = ("us-central1-a", "europe-west4-b")
INSTANCES = 60
_DAYS = 10
# Read by every window: an instance's CPU, memory, GPU, network in and out.
_METRICS = 5


class DemoGcp(Cloud):
    """60 instances, some with the Ops Agent and GPUs, and days of the billing export with credits."""

    provider = "gcp"
    name = "Google Cloud"

    def __init__(self, gcp: LocalGcp, compute: ComputeSeed, billing: BillingSeed, keys: dict[str, Path]) -> None:
        self._gcp = gcp
        self._compute = compute
        self._billing = billing
        self._keys = keys

    @property
    def holds(self) -> str:
        """What it holds, in words."""
        return f"{INSTANCES} instances in the projects {' and '.join(PROJECTS)}, and their billing export"

    def section(self) -> dict[str, Any]:
        """Its section of the configuration, without interval and back-fill."""
        accounts = [
            {"name": project, "project_id": project, "credentials_file": str(key)}
            for project, key in self._keys.items()
        ]
        grpc = {name: f"http://{address}" for name, address in self._gcp.endpoints.items() if "://" not in address}
        # One table has the bill of both, so one account reads it.
        services = [["compute", "billing"], ["compute"]]
        return {
            "accounts": [one | {"services": names} for one, names in zip(accounts, services, strict=True)],
            "billing_export_table": self._billing.table,
            "endpoints": self._gcp.endpoints | grpc,
        }

    def asked(self) -> Calls:
        """The calls that it has counted, without those for tokens, which no API counts."""
        return {api: calls for api, calls in self._gcp.calls().items() if not api.startswith("oauth2:")}

    def expected(self, targets: Sequence[Planned]) -> Expected:
        """What must come of these targets, which are all of one service."""
        return self._expected_bill(targets) if targets[0].service == "billing" else self._expected_compute(targets)

    def _expected_compute(self, targets: Sequence[Planned]) -> Expected:
        described = self._compute.describe()
        points = sum(target.windows * self._series(target.account) for target in targets)
        windows = sum(target.windows for target in targets)
        calls = {
            "cloudasset:ListAssets": windows,
            "monitoring:ListTimeSeries": windows * _METRICS,
            # The whole price list of Compute Engine, for all of the fleet.
            "cloudbilling:ListSkus": 1,
        }
        return Expected(sum(described[target.account]["instances"] for target in targets), points, calls=calls)

    def _series(self, project: str) -> int:
        """Values that a window has: one a metric and instance."""
        running = [one for one in self._compute.of(project) if one.running]
        with_agent = [one for one in running if one.agent]
        return 3 * len(running) + len(with_agent) + sum(one.machine.gpu is not None for one in with_agent)

    def _expected_bill(self, targets: Sequence[Planned]) -> Expected:
        billed: defaultdict[str, Decimal] = defaultdict(Decimal)
        queries = 0
        for day in (day for target in targets for day in target.days):
            start = datetime.combine(day, time(), UTC)
            for currency, total in self._billing.totals(start, start + timedelta(days=1)).items():
                billed[currency] += total.net
            queries += 1
        return Expected(billed=billed, calls={"bigquery:jobs.query": queries})


@contextmanager
def running_gcp(state: Path) -> Iterator[DemoGcp]:
    """Serve it. The keys of its service accounts are written into ``state``."""
    gcp = LocalGcp(require_credentials=True)
    compute = seed_compute(gcp, INSTANCES, PROJECTS, ZONES, hours_back=2.5)
    today = datetime.fromtimestamp(gcp.clock(), UTC).date()
    billing = seed_billing(gcp, today - timedelta(days=_DAYS), _DAYS, PROJECTS)
    with gcp:
        keys = {project: gcp.credentials_file(project, state, project) for project in PROJECTS}
        yield DemoGcp(gcp, compute, billing, keys)
