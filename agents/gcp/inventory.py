"""Reads Cloud Asset Inventory: all that there is of one kind in a project, each resource as its own API has it.

It lags by some minutes: a new resource is not there yet, a deleted one still is (docs/adr/0008-google-inventory.md).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from agents.gcp.calls import GcpCalls, Sending

API = "cloudasset:ListAssets"
PERMISSION = "cloudasset.assets.listResource"

_PAGE = 1000
_REMEMBERED = timedelta(days=34)
"""It can be asked about the past of 35 days."""
_FORGOTTEN = "the window is more than 34 days ago, and Google's inventory remembers 35 days"


@dataclass(frozen=True)
class Asset:
    """One resource of the inventory."""

    #: The full resource name: ``//compute.googleapis.com/projects/...``.
    name: str
    kind: str
    location: str
    #: The resource as its own API shows it.
    data: Mapping[str, Any]

    @property
    def labels(self) -> dict[str, str]:
        """Its labels."""
        return {str(key): str(value) for key, value in (self.data.get("labels") or {}).items()}

    @property
    def short_name(self) -> str:
        """The last part of its name."""
        return last_part(self.name)


def assets(calls: GcpCalls, *kinds: str, at: datetime) -> Iterator[Asset]:
    """Every resource of these kinds (``compute.googleapis.com/Instance``) as it was ``at`` a time, page by page.

    A time that is longer ago than the inventory remembers gives what there is now, and the run says so.
    """
    from google.protobuf.json_format import MessageToDict  # noqa: PLC0415 - an SDK is loaded where it is used

    request = _request(calls, kinds, at)
    if not remembers(calls, at):
        calls.context.partial("what was deleted since", _FORGOTTEN)

    def ask(sending: Sending, token: str) -> Any:
        request["page_token"] = token
        return sending.session.inventory.list_assets(request=request, **sending.options)

    for page in calls.pages(API, ask):
        for asset in page.assets:
            yield Asset(asset.name, asset.asset_type, asset.resource.location, MessageToDict(asset.resource.data))


def remembers(calls: GcpCalls, at: datetime) -> bool:
    """Whether the inventory can tell what there was ``at`` a time."""
    return at > calls.context.shared.now() - _REMEMBERED


def estimate(resources: int) -> dict[str, int]:
    """The calls that a listing of so many resources takes."""
    return {API: max(1, math.ceil(resources / _PAGE))}


def last_part(path: object) -> str:
    """``n2-standard-4`` of ``https://.../machineTypes/n2-standard-4``."""
    return str(path or "").rstrip("/").rpartition("/")[2]


def _request(calls: GcpCalls, kinds: tuple[str, ...], at: datetime) -> dict[str, Any]:
    from google.cloud.asset_v1 import ContentType  # noqa: PLC0415 - an SDK is loaded where it is used

    request = {
        "parent": f"projects/{calls.project}",
        "asset_types": list(kinds),
        "content_type": ContentType.RESOURCE,
        "page_size": _PAGE,
    }
    past = remembers(calls, at) and at < calls.context.shared.now()
    return request | ({"read_time": at} if past else {})
