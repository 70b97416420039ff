"""How few calls Compute Engine takes, beside one for each metric and instance: `python -m benchmarks.gcp_calls`.

Both ask the same local Google Cloud for the same metrics of the same five minutes, each in a fresh process.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from agents.gcp.services.compute import _METRICS
from benchmarks.cloud_calls import NOW, Seeded, Subject, main
from emulators.gcp import LocalGcp
from emulators.gcp.seed import seed_compute

_PROJECT = "shop-prod"
_POINTS = 100_000
"""In a page of ListTimeSeries, at most; of each instance there is one."""


@contextmanager
def seeded(machines: int, latency_ms: int, clock: Callable[[], float] = NOW.timestamp) -> Iterator[Seeded]:
    """Instances of one project, in two zones."""
    gcp = LocalGcp(clock=clock, require_credentials=True)
    zones = ["us-central1-a", "us-central1-b"]
    seed_compute(gcp, machines, [_PROJECT], zones, hours_back=0.6, hours_ahead=0)
    gcp.inject("latency", latency_ms=latency_ms)
    with gcp, tempfile.TemporaryDirectory() as folder:
        section: dict[str, object] = {
            "endpoints": {name: at if "://" in at else f"http://{at}" for name, at in gcp.endpoints.items()},
            "credentials_file": str(gcp.credentials_file(_PROJECT, Path(folder))),
            "quotas": {"*": 1000},
            "project_id": _PROJECT,
        }
        yield Seeded("gcp/default/global/compute", section, gcp.calls, gcp.reset_calls)


_COUNT = len(_METRICS)
SUBJECT = Subject(
    "Compute Engine", seeded, 1_000, _POINTS, _COUNT, _COUNT, "a ListTimeSeries for each metric of each instance"
)

if __name__ == "__main__":
    main(__doc__, SUBJECT)
