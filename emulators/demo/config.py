"""The configuration that the demo runs on."""

from __future__ import annotations

from pathlib import Path

import yaml

REGIONS = ("us-east-1", "us-west-2")
INSTANCES = 300
BACKFILL_HOURS = 2
INTERVAL = 300
HOST_INTERVAL = 10
METRICS = 4
"""Of an instance: CPU, memory, network in and out."""
ENVIRONMENT = {"AWS_ACCESS_KEY_ID": "local-aws-key-id", "AWS_SECRET_ACCESS_KEY": "local-aws-secret-key"}
"""The local AWS takes any key; what is real about it is the way it takes through the fleet."""


def write_config(path: Path, *, aws_url: str, openfinops_url: str) -> None:
    """Write ``telemetry.yaml`` for the local AWS and the local OpenFinOps."""
    document = {
        "aws": {
            "access_key_id": "${AWS_ACCESS_KEY_ID}",
            "secret_access_key": "${AWS_SECRET_ACCESS_KEY}",
            "regions": list(REGIONS),
            "services": ["ec2"],
            "collection_interval": INTERVAL,
            "backfill": f"{BACKFILL_HOURS}h",
            "endpoints": dict.fromkeys(("ec2", "cloudwatch", "pricing", "sts"), aws_url),
        },
        "generic": {"services": ["host"], "collection_interval": HOST_INTERVAL},
        "openfinops": {"endpoint": openfinops_url},
        # So that a killed worker is noticed while somebody watches.
        "collect": {"deadline": 45},
        "ledger": {"sweep_interval": 5, "lease": 60},
    }
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
