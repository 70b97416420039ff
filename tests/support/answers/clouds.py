"""The local clouds with a little of everything: two or three resources of each service, and a bill."""

from datetime import timedelta
from typing import Any

from agents.core.context import Shared
from emulators.aws import LocalAws
from emulators.azure import LocalAzure
from emulators.core.cloud import LocalCloud
from emulators.gcp import LocalGcp
from tests.support import azure as azures
from tests.support import ec2
from tests.support import gcp as gcps
from tests.support.costs import endpoints, shared_with_costs

Cloud = LocalCloud[Any, Any]
CLOUDS = ("aws", "azure", "gcp")
_BILL = ec2.NOW.date() - timedelta(days=4)


def standing_cloud(provider: str) -> Cloud:
    """It runs, and its clock stands still."""
    made: Cloud = {"aws": _aws, "azure": _azure, "gcp": _gcp}[provider]()
    return made.start()


def shared_of(cloud: Cloud) -> Shared:
    """What the collections of a process share that knows nothing of the cloud yet: no session, no price."""
    if isinstance(cloud, LocalAws):
        given = {**endpoints(cloud), "invoicing": cloud.url}
        return shared_with_costs(cloud, quotas={"*": 1000}, endpoints=given, invoice_accounts=["default"])
    if isinstance(cloud, LocalAzure):
        return azures.shared(cloud)
    from emulators.gcp.seed.billing import ACCOUNT  # noqa: PLC0415 - a cloud is loaded where it is used

    assert isinstance(cloud, LocalGcp)
    table = f"{gcps.PROJECT}.billing.gcp_billing_export_v1_{ACCOUNT.replace('-', '_')}"
    return gcps.shared(cloud, billing_export_table=table, bill_tables=[{"name": "main", "table": table}])


def _aws() -> Cloud:
    from emulators.aws import seed  # noqa: PLC0415
    from emulators.aws.invoicing import invoice  # noqa: PLC0415

    aws = ec2.standing_aws()
    seed.seed_ec2(aws, 3, [ec2.REGION])
    seed.seed_rds(aws, 2)
    seed.seed_lambda(aws, 3)
    seed.seed_eks(aws, 2)
    seed.seed_s3(aws, 2, [ec2.REGION])
    seed.seed_sagemaker(aws, 2)
    seed.seed_costs(aws, 4, regions=[ec2.REGION])
    for number in ("I-1", "I-2"):
        aws.invoices[number] = invoice(number, "119.00", f"{ec2.NOW:%Y-%m}", tax="19.00")
    return aws


def _azure() -> Cloud:
    from emulators.azure import DEFAULT_SUBSCRIPTION, seed  # noqa: PLC0415

    azure = azures.standing_azure()
    seed.seed_vms(azure, 3, [DEFAULT_SUBSCRIPTION], ["eastus"])
    seed.seed_aks(azure, 2)
    seed.seed_functions(azure, 2)
    seed.seed_storage(azure, 2)
    seed.seed_ml(azure, 2, jobs=4)
    seed.seed_costs(azure, 4, [DEFAULT_SUBSCRIPTION], lines_per_day=4)
    return azure


def _gcp() -> Cloud:
    from emulators.gcp import seed  # noqa: PLC0415

    gcp, projects = gcps.standing_gcp(), [gcps.PROJECT]
    seed.seed_compute(gcp, 3, projects, ["us-central1-a"])
    seed.seed_vertex(gcp, 2, projects, ["us-central1"])
    seed.seed_gke(gcp, 2, projects, nodes=2)
    seed.seed_functions(gcp, 2, projects)
    seed.seed_storage(gcp, 2, projects)
    seed.seed_billing(gcp, _BILL, 4, projects)
    return gcp
