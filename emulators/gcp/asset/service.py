"""google.cloud.asset.v1.AssetService: SearchAllResources and ListAssets."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from google.cloud import asset_v1
from google.protobuf import struct_pb2

from emulators.gcp import paging
from emulators.gcp.asset.search import parse, type_test
from emulators.gcp.asset.store import Asset, AssetStore
from emulators.gcp.errors import invalid
from emulators.gcp.projects import Projects, project_number
from emulators.gcp.rpc import Method

SEARCH_PAGE = 500
LIST_PAGE = 100
LIST_PAGE_MOST = 1000
_RESOURCE = 1
_REMEMBERED_SECONDS = 35 * 86_400
_PROJECT = "cloudresourcemanager.googleapis.com/Project"
_ORGANIZATION = "organizations/100000000001"
_COMPUTE_DISCOVERY = "https://www.googleapis.com/discovery/v1/apis/compute/v1/rest"

_Result = asset_v1.ResourceSearchResult.pb()
_SearchResponse = asset_v1.SearchAllResourcesResponse.pb()
_ListResponse = asset_v1.ListAssetsResponse.pb()
_FIELDS = frozenset(field.name for field in _Result.DESCRIPTOR.fields)
# What comes without a read mask; the large ones come only when they are asked for.
_DEFAULT = frozenset(
    {
        "name", "asset_type", "project", "organization", "display_name", "location", "labels", "network_tags",
        "create_time", "update_time", "state", "additional_attributes", "parent_full_resource_name",
        "parent_asset_type",
    }
)  # fmt: skip


class Inventory:
    """Answers from the store."""

    def __init__(self, store: AssetStore, projects: Projects, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock
        self._projects = projects

    def methods(self) -> list[Method]:
        """What is served."""
        service = "google.cloud.asset.v1.AssetService"
        return [
            Method(
                service,
                "SearchAllResources",
                "cloudasset:SearchAllResources",
                asset_v1.SearchAllResourcesRequest.pb(),
                "cloudasset.assets.searchAllResources",
                lambda request: _project(request.scope),
                self.search_all_resources,
            ),
            Method(
                service,
                "ListAssets",
                "cloudasset:ListAssets",
                asset_v1.ListAssetsRequest.pb(),
                "cloudasset.assets.listResource",
                lambda request: _project(request.parent),
                self.list_assets,
            ),
        ]

    def search_all_resources(self, request: Any) -> Any:
        """A page of at most 500 results."""
        matches = parse(request.query)
        mask = _mask(request.read_mask.paths)
        found = [asset for asset in self._meant(request.scope, request.asset_types) if matches(asset)]
        if request.order_by not in {"", "name"}:
            raise invalid(f"Invalid order_by {request.order_by}: the local inventory orders by name.")
        first = paging.position(request)[0]
        last = first + (min(request.page_size, SEARCH_PAGE) if request.page_size > 0 else SEARCH_PAGE)
        response = _SearchResponse()
        for asset in found[first:last]:
            response.results.append(_result(asset, mask))
        if last < len(found):
            response.next_page_token = paging.token(request, last)
        return response

    def list_assets(self, request: Any) -> Any:
        """A page of at most 1,000 assets; with `content_type` RESOURCE the whole resource."""
        found = self._meant(request.parent, request.asset_types, self._read_time(request))
        first = paging.position(request)[0]
        last = first + min(request.page_size or LIST_PAGE, LIST_PAGE_MOST)
        response = _ListResponse()
        for asset in found[first:last]:
            made = response.assets.add(
                name=asset.name,
                asset_type=asset.asset_type,
                ancestors=[f"projects/{project_number(asset.project)}", _ORGANIZATION],
            )
            _stamp(made.update_time, asset.updated or asset.created)
            if request.content_type == _RESOURCE:
                _fill_resource(made.resource, asset)
        if last < len(found):
            response.next_page_token = paging.token(request, last)
        return response

    def _read_time(self, request: Any) -> datetime | None:
        if not request.HasField("read_time"):
            return None
        seconds, now = request.read_time.seconds, self._clock()
        if not now - _REMEMBERED_SECONDS <= seconds <= now:
            raise invalid("Invalid read_time: it must be between the current time and 35 days before it, inclusive.")
        return datetime.fromtimestamp(seconds, UTC)

    def _meant(self, scope: str, types: Sequence[str], at: datetime | None = None) -> list[Asset]:
        if not scope.startswith("projects/"):
            raise invalid(f'Invalid scope "{scope}": the local inventory knows projects/ID and projects/NUMBER.')
        if list(types) == [_PROJECT]:
            return [_asset_of(self._projects.id_of(scope))]
        wanted = type_test(list(types), self._store.types())
        held = self._store.of(self._projects.id_of(scope), at=at)
        return [asset for asset in held if wanted(asset.asset_type)]


def _asset_of(project: str) -> Asset:
    """A project is in its own inventory."""
    number = project_number(project)
    data = {"projectId": project, "projectNumber": number, "lifecycleState": "ACTIVE", "name": project}
    return Asset(f"//cloudresourcemanager.googleapis.com/projects/{number}", _PROJECT, project, "global", data=data)


def _project(scope: str) -> str:
    """The project of a scope; empty where it is none, which is refused in words of its own."""
    return scope if scope.startswith("projects/") else ""


def _mask(paths: Sequence[str]) -> frozenset[str]:
    if not paths:
        return _DEFAULT
    if "*" in paths:
        return _FIELDS
    names = {path: _snake(path.split(".", maxsplit=1)[0]) for path in paths}
    for path, name in names.items():
        if name not in _FIELDS:
            raise invalid(f'Invalid read_mask: "{path}" is not a field of ResourceSearchResult.')
    return frozenset(names.values())


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def _result(asset: Asset, mask: frozenset[str]) -> Any:
    result = _Result(
        name=asset.name,
        asset_type=asset.asset_type,
        project=f"projects/{project_number(asset.project)}",
        organization=_ORGANIZATION,
        display_name=asset.display_name,
        location=asset.location,
        labels=dict(asset.labels),
        network_tags=asset.network_tags,
        state=asset.state,
        parent_full_resource_name=f"//cloudresourcemanager.googleapis.com/projects/{asset.project}",
        parent_asset_type="cloudresourcemanager.googleapis.com/Project",
    )
    _stamp(result.create_time, asset.created)
    _stamp(result.update_time, asset.updated)
    if "additional_attributes" in mask and asset.attributes:
        result.additional_attributes.update(asset.attributes)
    if "versioned_resources" in mask and asset.data:
        versioned = result.versioned_resources.add(version=asset.version)
        versioned.resource.update(asset.data)
    for field in _FIELDS - mask:
        result.ClearField(field)
    return result


def _fill_resource(resource: Any, asset: Asset) -> None:
    service, kind = asset.asset_type.split("/")
    resource.version = asset.version
    resource.discovery_name = kind
    if service == "compute.googleapis.com":
        resource.discovery_document_uri = _COMPUTE_DISCOVERY
    resource.parent = f"//cloudresourcemanager.googleapis.com/projects/{project_number(asset.project)}"
    resource.location = asset.location
    data = struct_pb2.Struct()
    data.update(asset.data)
    resource.data.CopyFrom(data)


def _stamp(message: Any, time: datetime | None) -> None:
    if time is not None:
        message.seconds = int(time.timestamp())
