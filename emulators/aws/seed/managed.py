"""Seeds RDS, Lambda and EKS with what they run and the metrics of it."""

import base64
import io
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from random import Random

from moto.awslambda.models import lambda_backends
from moto.eks.models import eks_backends
from moto.iam.models import iam_backends
from moto.rds.models import rds_backends

from emulators.aws.cloudwatch.store import MetricName, dimensions
from emulators.aws.seed.fleet import make_instances
from emulators.aws.seed.grid import Grid
from emulators.aws.server import DEFAULT_ACCOUNT, LocalAws

PERIOD = 60
_DATABASES = (
    ("db.m5.large", "postgres", "16.4", False),
    ("db.r5.xlarge", "mysql", "8.4.3", True),
    ("db.t3.medium", "postgres", "17.2", False),
)
_MEMORY_MB = (128, 512, 1024, 3008)
_Make = Callable[[Random, float], float]


def seed_rds(
    aws: LocalAws, databases: int = 3, region: str = "us-east-1", *, account: str = DEFAULT_ACCOUNT, seed: int = 1
) -> list[str]:
    """Make DB instances of several classes, engines and deployments; gives their identifiers."""
    random = Random(f"{seed}/{account}/{region}/rds")
    backend = rds_backends[account][region]
    names = []
    for number in range(databases):
        kind, engine, version, multi_az = _DATABASES[number % len(_DATABASES)]
        name = f"db-{number:03d}"
        database = backend.create_db_instance(
            {
                "db_instance_identifier": name,
                "db_instance_class": kind,
                "engine": engine,
                "engine_version": version,
                "multi_az": multi_az,
                "allocated_storage": 100,
                "storage_type": "gp3",
                "master_username": "admin",
                "master_user_password": "sample-data",
                "tags": [{"Key": "team", "Value": random.choice(("search", "billing"))}],
            }
        )
        database.instance_create_time = _past(aws, random)
        made: dict[str, tuple[str, _Make]] = {
            "CPUUtilization": ("Percent", lambda draw, wave: 30 + 20 * wave + 5 * draw.random()),
            "DatabaseConnections": ("Count", lambda draw, _wave: float(draw.randint(1, 80))),
            "FreeStorageSpace": ("Bytes", lambda draw, _wave: float(draw.randint(2**33, 2**36))),
            "FreeableMemory": ("Bytes", lambda draw, _wave: float(draw.randint(2**30, 2**33))),
        }
        _load(aws, (account, region), "AWS/RDS", {"DBInstanceIdentifier": name}, made=made, random=random)
        names.append(name)
    return names


def seed_lambda(
    aws: LocalAws, functions: int = 4, region: str = "us-east-1", *, account: str = DEFAULT_ACCOUNT, seed: int = 1
) -> list[str]:
    """Make functions of several sizes on both architectures; gives their names. The last one was never invoked."""
    random = Random(f"{seed}/{account}/{region}/lambda")
    _role(account, "lambda")
    names = []
    for number in range(functions):
        name = f"function-{number:03d}"
        lambda_backends[account][region].create_function(
            {
                "FunctionName": name,
                "Runtime": "python3.12",
                "Role": f"arn:aws:iam::{account}:role/lambda",
                "Handler": "handler.main",
                "Code": {"ZipFile": _code()},
                "MemorySize": _MEMORY_MB[number % len(_MEMORY_MB)],
                "Architectures": ["arm64" if number % 2 else "x86_64"],
                "Tags": {"team": random.choice(("search", "billing"))},
            }
        )
        if number < functions - 1 or functions == 1:
            made: dict[str, tuple[str, _Make]] = {
                "Invocations": ("Count", lambda draw, _wave: float(draw.randint(1, 900))),
                "Errors": ("Count", lambda draw, _wave: float(draw.randint(0, 3))),
                "Throttles": ("Count", lambda draw, _wave: float(draw.randint(0, 1))),
                "Duration": ("Milliseconds", lambda draw, _wave: draw.uniform(8, 900)),
                "ConcurrentExecutions": ("Count", lambda draw, _wave: float(draw.randint(1, 40))),
            }
            _load(aws, (account, region), "AWS/Lambda", {"FunctionName": name}, made=made, random=random)
        names.append(name)
    return names


def seed_eks(
    aws: LocalAws,
    clusters: int = 2,
    region: str = "us-east-1",
    *,
    account: str = DEFAULT_ACCOUNT,
    seed: int = 1,
    nodes: bool = True,
) -> list[str]:
    """Make clusters with a node group of two; gives the clusters' names.

    With `nodes` those are EC2 instances, without metrics. The first cluster runs Container Insights and has metrics.
    """
    random = Random(f"{seed}/{account}/{region}/eks")
    backend = eks_backends[account][region]
    role = f"arn:aws:iam::{account}:role/eks"
    names = []
    for number in range(clusters):
        name = f"cluster-{number:03d}"
        cluster = backend.create_cluster(
            name, role, {"subnetIds": ["subnet-1"]}, version="1.33", tags={"team": "platform"}
        )
        cluster.created_at = _past(aws, Random(name))
        cluster.upgrade_policy = {"supportType": "EXTENDED"}  # type: ignore[attr-defined]  # moto tells it where it is
        scaling = {"minSize": 1, "maxSize": 4, "desiredSize": 2}
        backend.create_nodegroup(
            name, role, f"{name}-nodes", ["subnet-1"], scaling_config=scaling, instance_types=["m5.large"]
        )
        now = datetime.fromtimestamp(aws.clock(), UTC)
        for node in make_instances(scaling["desiredSize"] if nodes else 0, region, random, now):
            tags = {"eks:cluster-name": name, "eks:nodegroup-name": f"{name}-nodes", "Name": f"{name}-node"}
            aws.instances.add(
                account,
                region,
                replace(
                    node, instance_type="m5.large", state="running", stopped_at=None, platform="Linux/UNIX", tags=tags
                ),
            )
        if number == 0:
            made: dict[str, tuple[str, _Make]] = {
                "cluster_node_count": ("Count", lambda _draw, _wave: 2.0),
                "node_cpu_utilization": ("Percent", lambda draw, wave: 40 + 20 * wave + 5 * draw.random()),
                "node_memory_utilization": ("Percent", lambda draw, wave: 55 + 5 * wave + draw.random()),
            }
            _load(aws, (account, region), "ContainerInsights", {"ClusterName": name}, made=made, random=random)
        names.append(name)
    return names


def _load(
    aws: LocalAws,
    place: tuple[str, str],
    namespace: str,
    dims: dict[str, str],
    *,
    made: Mapping[str, tuple[str, _Make]],
    random: Random,
) -> None:
    """A datapoint a minute for the last two hours and the next two."""
    grid = Grid.around(aws.clock(), 2, 2, PERIOD)
    for name, (unit, make) in made.items():
        values = [make(random, wave) for wave in grid.wave()]
        aws.metrics.load(place, MetricName(namespace, name, dimensions(dims)), (grid.times(), values), unit)


def _role(account: str, name: str) -> None:
    """Lambda takes only a role that exists."""
    iam = iam_backends[account]["aws"]
    if all(role.name != name for role in iam.roles.values()):
        iam.create_role(name, "{}", "/", None, "", [], "3600")


def _past(aws: LocalAws, random: Random) -> datetime:
    made = datetime.fromtimestamp(int(aws.clock()), UTC) - timedelta(days=random.randint(1, 300))
    return made.replace(tzinfo=None)


@cache
def _code() -> str:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("handler.py", "def main(event, context):\n    return event\n")
    return base64.b64encode(archive.getvalue()).decode()
