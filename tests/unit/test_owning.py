"""Which ids a claim covers, and whether two could cover the same one."""

import pytest

from agents.core.owning import is_claimed, overlap
from agents.core.service import find, services
from agents.testing.services import ServiceConformance

VM = "/subscriptions/*/resourcegroups/*/providers/microsoft.compute/virtualmachines/*"


@pytest.mark.parametrize(
    ("claim", "resource_id", "covered"),
    [
        ("arn:*:ec2:*:*:instance/*", "arn:aws-cn:ec2:cn-north-1:1:instance/i-1", True),
        ("arn:*:ec2:*:*:instance/*", "arn:aws:ec2:eu-west-1:1:volume/vol-1", False),
        ("arn:*:rds:*:*:db:*", "arn:aws:rds:eu-west-1:1:cluster:one", False),
        ("arn:*:s3:::*", "arn:aws:s3:::Bucket.Of-Mine", True),
        (VM, "/subscriptions/S/resourceGroups/G/providers/Microsoft.Compute/virtualMachines/vm-1", True),
        (VM, "/subscriptions/s/resourcegroups/g/providers/microsoft.compute/disks/d", False),
        ("//container.googleapis.com/*", "//container.googleapis.com/projects/p/locations/l/clusters/c", True),
        ("//container.googleapis.com/*", "//compute.googleapis.com/projects/p", False),
        ("a:b", "a:b:c", False),
        ("a:*", "a:*", True),
    ],
)
def test_a_claim_covers_an_id_part_by_part(claim: str, resource_id: str, *, covered: bool) -> None:
    assert is_claimed([claim], resource_id) is covered


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        ("arn:*:ec2:*:*:instance/*", "arn:*:ec2:*", True),
        ("arn:*:ec2:*:*:instance/*", "arn:*:eks:*", False),
        ("arn:*:rds:*:*:db:*", "arn:*:rds:*:*:cluster:*", False),
        (VM, "/subscriptions/*/resourcegroups/*/providers/microsoft.compute/virtualmachinescalesets/*", False),
        (VM, "/subscriptions/*", True),
        ("a:b", "a:b:c", False),
    ],
)
def test_two_claims_overlap_where_one_id_could_be_both(one: str, other: str, *, both: bool) -> None:
    assert overlap(one, other) is overlap(other, one) is both


def test_the_kit_finds_two_services_that_claim_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    machines, databases = find("aws", "ec2"), find("aws", "rds")
    monkeypatch.setattr(type(databases), "owns", (*databases.owns, "arn:*:ec2:*"))
    for service in (machines, databases):
        with pytest.raises(AssertionError, match="both claim"):
            ServiceConformance().test_its_resources_are_nobody_elses(service)


def test_every_service_that_lists_what_a_cloud_bills_claims_it() -> None:
    about_bills = {one.key for one in services().values() if one.brings_bills or one.delivers}
    silent = {one.key for one in services().values() if not one.owns and one.permissions} - about_bills
    assert {key for key in silent if key[0] in {"aws", "azure", "gcp"}} == {("aws", "regions")}
