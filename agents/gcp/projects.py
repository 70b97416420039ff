"""What a project is called: resources are named by its id, whichever of id and number is configured."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from agents.gcp.fields import Fields

API = "cloudasset:ListAssets"
KIND = "cloudresourcemanager.googleapis.com/Project"

Ask = Callable[[Any, str], Any]


def find_id(pages: Callable[[str, Ask], Iterable[Any]], number: str) -> str:
    """The id of the project of that number; empty where Google does not tell.

    By the inventory, which every collection may read: Resource Manager would want a permission of its own.
    """
    from google.cloud.asset_v1 import ContentType  # noqa: PLC0415 - an SDK is loaded where it is used

    request: dict[str, Any] = {
        "parent": f"projects/{number}",
        "asset_types": [KIND],
        "content_type": ContentType.RESOURCE,
    }

    def ask(sending: Any, token: str) -> Any:
        request["page_token"] = token
        return sending.session.inventory.list_assets(request=request, **sending.options)

    for page in pages(API, ask):
        for asset in page.assets:
            fields = Fields(data_of(asset) or {})
            if fields.text("projectNumber") == number:
                return fields.text("projectId")
    return ""


def data_of(asset: Any) -> Mapping[str, Any] | None:
    """The resource of an asset as JSON has it; None where it is of another form."""
    from google.protobuf.json_format import MessageToDict  # noqa: PLC0415 - an SDK is loaded where it is used

    try:
        return MessageToDict(asset.resource.data)
    except Exception:  # noqa: BLE001 - a number that JSON does not have, or whatever else the library does not take
        return None
