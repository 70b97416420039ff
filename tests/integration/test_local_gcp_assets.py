"""The local Cloud Asset Inventory as Google's client sees it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.api_core.exceptions import InvalidArgument, PermissionDenied
from google.cloud.asset_v1 import AssetServiceClient, ContentType
from google.protobuf.json_format import MessageToDict

from emulators.gcp import LocalGcp
from emulators.gcp.asset import Asset
from emulators.gcp.seed import ComputeSeed, seed_compute
from tests.support.local_gcp import asset_client

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
INSTANCE = "compute.googleapis.com/Instance"
BUCKET = "storage.googleapis.com/Bucket"
PROJECT = "demo-shop"


@pytest.fixture(scope="module")
def gcp() -> Iterator[LocalGcp]:
    with LocalGcp(clock=NOW.timestamp) as running:
        yield running


@pytest.fixture(scope="module")
def seeded(gcp: LocalGcp) -> ComputeSeed:
    bucket = Asset("//storage.googleapis.com/stuff", BUCKET, PROJECT, "us", labels={"team": "shop"}, data={"name": "x"})
    gcp.assets.add(bucket)
    return seed_compute(gcp, 80, hours_back=0.1, hours_ahead=0.1)


@pytest.fixture(scope="module")
def client(gcp: LocalGcp, seeded: ComputeSeed) -> Iterator[AssetServiceClient]:
    with asset_client(gcp) as opened:
        yield opened


def search(client: AssetServiceClient, query: str = "", kinds: tuple[str, ...] = (INSTANCE,), **more: Any) -> list[Any]:
    asked = {"scope": f"projects/{PROJECT}", "asset_types": list(kinds), "query": query}
    return list(client.search_all_resources(asked | more))


def test_search_gives_what_google_gives_of_an_instance(client: AssetServiceClient, seeded: ComputeSeed) -> None:
    found = {one.name: one for one in search(client)}
    assert found.keys() == {one.full_name for one in seeded.of(PROJECT)}
    for one in seeded.of(PROJECT):
        result = found[one.full_name]
        assert (result.display_name, result.location, result.asset_type) == (one.name, one.zone, INSTANCE)
        assert result.state == ("RUNNING" if one.running else "TERMINATED")
        assert result.labels["team"] == one.team
        assert result.create_time == one.created
        assert result.project.removeprefix("projects/").isdecimal()
        assert result.additional_attributes["machineType"] == one.machine.name
        assert not result.versioned_resources, "large fields come when they are asked for"


def test_a_read_mask_brings_the_whole_resource_and_nothing_else(
    client: AssetServiceClient, seeded: ComputeSeed
) -> None:
    spot = next(one for one in seeded.of(PROJECT) if one.spot and one.machine.gpu is None)
    mask = {"paths": ["name", "versionedResources"]}
    result = next(one for one in search(client, read_mask=mask) if one.name == spot.full_name)
    assert not result.location
    data = dict(result.versioned_resources[0].resource)
    assert data["machineType"].endswith(f"/machineTypes/{spot.machine.name}")
    assert dict(data["scheduling"])["provisioningModel"] == "SPOT"
    assert data["disks"][0]["licenses"][0].endswith("/licenses/debian-12-bookworm")


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("state:RUNNING", lambda one: one.running),
        ("NOT state=RUNNING", lambda one: not one.running),
        ("labels.team:shop", lambda one: one.team == "shop"),
        ("labels.team=lab OR labels.team=core", lambda one: one.team in {"lab", "core"}),
        ("location:us-central1*", lambda one: one.zone.startswith("us-central1")),
        ("location:(us-east4 OR europe-west3)", lambda one: one.region in {"us-east4", "europe-west3"}),
        ("state:RUNNING AND labels.env=dev", lambda one: one.running and one.team == "lab"),
    ],
)
def test_queries_select(client: AssetServiceClient, seeded: ComputeSeed, query: str, wanted: Any) -> None:
    found = {one.name for one in search(client, query)}
    assert found == {one.full_name for one in seeded.of(PROJECT) if wanted(one)}
    assert found


def test_types_may_be_patterns_and_an_unknown_one_is_refused(client: AssetServiceClient) -> None:
    assert [one.asset_type for one in search(client, kinds=(".*Bucket",))] == [BUCKET]
    assert len({one.asset_type for one in search(client, kinds=())}) == 2
    with pytest.raises(InvalidArgument, match="nonsense"):
        search(client, kinds=("nonsense",))


@pytest.mark.parametrize(("field", "value"), [("read_mask", {"paths": ["nope"]}), ("query", "nope:1"), ("scope", "x")])
def test_bad_arguments_are_refused(client: AssetServiceClient, field: str, value: Any) -> None:
    with pytest.raises(InvalidArgument):
        search(client, **{field: value})


def test_pages_are_followed_and_each_result_comes_once(gcp: LocalGcp, client: AssetServiceClient) -> None:
    gcp.reset_calls()
    found = [one.name for one in search(client, page_size=9)]
    assert (len(found), len(set(found))) == (40, 40)
    assert gcp.calls() == {"cloudasset:SearchAllResources": 5}


def test_list_gives_the_resource_as_its_own_api_has_it(client: AssetServiceClient, seeded: ComputeSeed) -> None:
    asked = {
        "parent": f"projects/{PROJECT}",
        "asset_types": [INSTANCE],
        "content_type": ContentType.RESOURCE,
        "page_size": 30,
    }
    assets = {one.name: one for one in client.list_assets(asked)}
    with_gpu = next(one for one in seeded.of(PROJECT) if one.machine.gpu is not None)
    resource = assets[with_gpu.full_name].resource
    data = MessageToDict(type(resource).pb(resource).data)
    assert (data["id"], data["status"]) == (with_gpu.instance_id, "RUNNING" if with_gpu.running else "TERMINATED")
    assert with_gpu.machine.gpu is not None
    kind, number = with_gpu.machine.gpu
    assert data["guestAccelerators"][0]["acceleratorType"].endswith(f"/{kind}")
    assert data["guestAccelerators"][0]["acceleratorCount"] == number
    assert resource.location == with_gpu.zone
    names_only = next(iter(client.list_assets({"parent": f"projects/{PROJECT}"})))
    assert not names_only.resource.version


def test_the_past_is_remembered_for_35_days(gcp: LocalGcp, client: AssetServiceClient) -> None:
    name = "//storage.googleapis.com/gone"
    gcp.assets.add(Asset(name, BUCKET, "past", "us", created=NOW - timedelta(days=9)))
    gcp.assets.remove("past", name, at=NOW - timedelta(days=2))

    def at(days: float) -> int:
        asked = {"parent": "projects/past", "read_time": NOW - timedelta(days=days)}
        return len(list(client.list_assets(asked)))

    assert [at(days) for days in (10, 8, 3, 1, 0)] == [0, 1, 1, 0, 0]
    for days in (36, -1):
        with pytest.raises(InvalidArgument, match="35 days"):
            at(days)


def test_another_projects_resources_are_not_shown_and_an_unknown_project_is_refused(
    client: AssetServiceClient, seeded: ComputeSeed
) -> None:
    other = search(client, scope="projects/demo-research")
    assert {one.name for one in other} == {one.full_name for one in seeded.of("demo-research")}
    with pytest.raises(PermissionDenied, match="nobody"):
        search(client, scope="projects/nobody")
