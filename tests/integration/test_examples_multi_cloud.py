"""The reference's multi-cloud example on three local clouds, with OpenFinOps's own package."""

import json
import os
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

from emulators.aws import LocalAws
from emulators.aws.seed import seed_ec2
from emulators.azure import DEFAULT_SUBSCRIPTION, LocalAzure
from emulators.azure.seed import seed_vms
from emulators.gcp import LocalGcp
from emulators.gcp.seed import seed_compute
from emulators.openfinops.environment import openfinops_python
from tests.support.ec2 import ACCESS_KEY, SECRET_KEY, SERVICES
from tests.support.gcp import PROJECT, endpoints

_ROOT = Path(__file__).parents[2]


def _run(arguments: dict[str, dict[str, Any]]) -> dict[str, Any]:
    # Our libraries first, and OpenFinOps from its own environment.
    path = os.pathsep.join([str(_ROOT), sysconfig.get_paths()["purelib"]])
    done = subprocess.run(
        [openfinops_python(), "-P", str(_ROOT / "tests" / "support" / "multi_cloud_run.py"), json.dumps(arguments)],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_the_machines_of_three_clouds_are_in_the_observatory(tmp_path: Path) -> None:
    fast = {"settings": {"quotas": {"pricing:GetProducts": 1000}}}
    with LocalAws() as aws, LocalGcp(require_credentials=True) as gcp, LocalAzure() as azure:
        machines = seed_ec2(aws, 5, ["us-west-2"]).instances["us-west-2"]
        instances = seed_compute(gcp, 6, [PROJECT], ["us-central1-a"], hours_back=0.5).instances
        seed_vms(azure, 7, [DEFAULT_SUBSCRIPTION])
        found = _run(
            {
                "aws": {
                    "aws_access_key_id": ACCESS_KEY,
                    "aws_secret_access_key": SECRET_KEY,
                    "region": "us-west-2",
                    "endpoints": dict.fromkeys(SERVICES, aws.url),
                    **fast,
                },
                "azure": {
                    **azure.credentials(),
                    "subscription_id": DEFAULT_SUBSCRIPTION,
                    "endpoints": azure.endpoints,
                    "ca_file": azure.ca_file,
                },
                "gcp": {
                    "project_id": PROJECT,
                    "credentials_file": str(gcp.credentials_file(PROJECT, tmp_path)),
                    "endpoints": endpoints(gcp),
                    "settings": {"quotas": {"*": 1000}},
                },
            }
        )
    assert found["services"] == {"aws": "ec2", "azure": "vm", "gcp": "compute"}
    assert 0 < found["counted"]["aws"] <= len(machines)
    assert 0 < found["counted"]["gcp"] <= len(instances)
    assert 0 < found["counted"]["azure"] <= 7
    assert found["summary"]["total_entries"] == sum(found["counted"].values())
    assert found["summary"]["total_cost"] > 0
