"""How much waits in a spool directory of the machine that the worker runs on: mail, print jobs, exports ...

The directory is named by the environment variable SPOOL_DIRECTORY of the worker.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from agents.core.context import Context
from agents.core.service import Estimate, Service, service
from telemetry.errors import CollectionFailed, Denied
from telemetry.records import MetricPoint, Record, Resource
from telemetry.target import Target, Window


@service("generic", "spool_directory")
class SpoolDirectory(Service):
    """Files in a spool directory: their number, their bytes, and the age of the oldest."""

    interval = timedelta(minutes=1)
    delay = timedelta(0)
    regional = False
    live = True
    permissions = ()

    def collect(self, context: Context, target: Target, window: Window) -> Iterator[Record]:
        """The directory as it is now: CollectionError's kinds where it cannot be read, nothing else."""
        del context
        path = _directory()
        try:
            files = [entry.stat() for entry in os.scandir(path) if entry.is_file()]
        except PermissionError as error:
            raise Denied(f"{path}: {error.strerror}") from None
        except OSError as error:
            raise CollectionFailed(f"{path}: {error.strerror}: set SPOOL_DIRECTORY") from None
        spool = Resource(
            provider=target.provider,
            account=target.account,
            region=target.region,
            service=target.service,
            resource_id=str(path),
            type="directory",
            name=path.name,
        )
        yield _point(spool, window, "files", "count", len(files))
        yield _point(spool, window, "bytes", "bytes", sum(file.st_size for file in files))
        if files:  # an empty directory has no oldest file: that is not an age of zero
            age = time.time() - min(file.st_mtime for file in files)
            yield _point(spool, window, "oldest_age", "seconds", age)

    def estimate(self, window: Window, resources: int) -> Estimate:
        """Nobody is called, and nothing is paid."""
        del window, resources
        return Estimate({}, Decimal(0))


def _directory() -> Path:
    name = os.environ.get("SPOOL_DIRECTORY")
    if not name:
        raise CollectionFailed("SPOOL_DIRECTORY is not set: name the directory")
    return Path(name).absolute()


def _point(spool: Resource, window: Window, metric: str, unit: str, value: float) -> MetricPoint:
    # A point lies inside of its window: a reading just after its end bears its last second.
    last = window.end - timedelta(seconds=1)
    return MetricPoint(
        resource=spool,
        metric=metric,
        source_metric=metric,
        unit=unit,
        statistic="gauge",
        start=min(max(datetime.now(UTC).replace(microsecond=0), window.start), last),
        period=0,
        value=float(value),
    )
