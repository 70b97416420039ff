"""The configuration that the demo runs on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import yaml

from emulators.demo.clouds import Cloud

BACKFILL_HOURS = 2
BILLED = timedelta(days=3)
"""So many whole days of the bill are read, the last of them the day before yesterday: yesterday's is not whole yet."""
INTERVAL = 300
HOST_INTERVAL = 10


def write_config(path: Path, clouds: Sequence[Cloud], *, openfinops_url: str) -> None:
    """Write ``telemetry.yaml`` for the local clouds and the local OpenFinOps."""
    common = {"collection_interval": INTERVAL, "backfill": f"{BACKFILL_HOURS}h"}
    document = {
        **{cloud.provider: {**cloud.section(), **common} for cloud in clouds},
        "generic": {"services": ["host"], "collection_interval": HOST_INTERVAL},
        "openfinops": {"endpoint": openfinops_url},
        # So that a killed worker is noticed while somebody watches.
        "collect": {"deadline": 45},
        "ledger": {"sweep_interval": 5, "lease": 60},
    }
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
