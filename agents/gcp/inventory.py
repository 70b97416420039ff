"""Reads Cloud Asset Inventory: all that there is of one kind in a project, each resource as its own API has it.

It lags by some minutes: a new resource is not there yet, a deleted one still is (docs/adr/0008-google-inventory.md).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from operator import itemgetter
from typing import Any, TypeVar

from agents.core.items import Listing, Unreadable
from agents.gcp.calls import GcpCalls, Sending
from agents.gcp.fields import Fields
from agents.gcp.projects import data_of

T = TypeVar("T")

API = "cloudasset:ListAssets"
PERMISSION = "cloudasset.assets.listResource"

_PAGE = 1000
_REMEMBERED = timedelta(days=34)
"""It can be asked about the past of 35 days."""
_FORGOTTEN = "the window is more than 34 days ago, and Google's inventory remembers 35 days"
_PLACE = re.compile(r"/(?:locations|zones|regions)/([^/]+)/")


@dataclass(frozen=True)
class Asset:
    """One resource of the inventory."""

    #: The full resource name: ``//compute.googleapis.com/projects/...``.
    name: str
    kind: str
    #: Empty where it is not told.
    location: str
    #: The resource as its own API shows it.
    fields: Fields

    @property
    def is_whole(self) -> bool:
        """Whether all that there is to say of it could be read so far: ask when all has been read."""
        return bool(self.fields.fields) and not self.fields.faults

    @property
    def labels(self) -> dict[str, str]:
        """Its labels."""
        return self.fields.tags("labels")

    @property
    def short_name(self) -> str:
        """The last part of its name."""
        return last_part(self.name)

    def place(self, own: str = "") -> str:
        """Where it is: what it says itself (``own``), the inventory, or its name; Unreadable where none does."""
        named = _PLACE.search(self.name)
        found = own or self.location or (named[1] if named else "")
        if not found:
            raise Unreadable("without a place")
        return found


def read(calls: GcpCalls, things: str, of: Callable[[Asset], T | None], *kinds: str, at: datetime) -> Iterator[T]:
    """What ``of`` makes of every resource of these kinds (``compute.googleapis.com/Instance``), page by page.

    As it was ``at`` a time; one that is longer ago than the inventory remembers gives what there is now, and the run
    says so. What cannot be read is left out of one resource, and the run says how many of ``things`` lack it.
    """
    # Each once, though a listing that changes while it is read may have one on two pages.
    listing: Listing[tuple[str, str, T]] = Listing(calls.context, things, key=itemgetter(0, 1))
    request = _request(calls, kinds, at)
    if not remembers(calls, at):
        calls.context.partial("what was deleted since", _FORGOTTEN)
    for page in calls.pages(API, _asking(request)):
        for asset in page.assets:
            one = listing.take(_fields(asset), partial(_made, asset, of))
            if one is not None and listing.is_new(one):
                yield one[2]


def remembers(calls: GcpCalls, at: datetime) -> bool:
    """Whether the inventory can tell what there was ``at`` a time."""
    return at > calls.context.shared.now() - _REMEMBERED


def estimate(resources: int) -> dict[str, int]:
    """The calls that a listing of so many resources takes."""
    return {API: max(1, math.ceil(resources / _PAGE))}


def last_part(path: object) -> str:
    """``n2-standard-4`` of ``https://.../machineTypes/n2-standard-4``."""
    return str(path or "").rstrip("/").rpartition("/")[2]


def _fields(asset: Any) -> Fields:
    data = data_of(asset)
    fields = Fields(data or {}, is_known=data is not None)
    if data is None:
        fields.fault("description")
    return fields


def _made(asset: Any, of: Callable[[Asset], T | None], fields: Fields) -> tuple[str, str, T] | None:
    if not asset.name:
        raise Unreadable("without a name")
    found = of(Asset(asset.name, asset.asset_type, asset.resource.location, fields))
    return None if found is None else (asset.asset_type, asset.name, found)


def _asking(request: dict[str, Any]) -> Callable[[Sending, str], Any]:
    def ask(sending: Sending, token: str) -> Any:
        request["page_token"] = token
        return sending.session.inventory.list_assets(request=request, **sending.options)

    return ask


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
