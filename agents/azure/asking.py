"""One request for JSON: the status of its answer counts first, and its body is read for words alone.

The SDKs' own methods read the body of a refusal before they look at its status, and of an answer they make models:
one odd value among thousands would cost all others. Their clients send; what comes back is read here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

_REFUSED = 300
_NO_CONTENT = 204


def ask(
    client: Any,
    method: str,
    path: str,
    query: Mapping[str, str] | None = None,
    *,
    body: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> dict[str, Any] | None:
    """The object of JSON that a client of an SDK is answered; None where there is no content.

    HttpResponseError where it is refused, or is no such object.
    """
    from azure.core.exceptions import HttpResponseError  # noqa: PLC0415 - an SDK is loaded where it is used
    from azure.core.rest import HttpRequest  # noqa: PLC0415 - an SDK is loaded where it is used

    # azure-core writes parameters as they are.
    address = f"{path}?{urlencode(query, quote_via=quote)}" if query else path
    if hasattr(client, "format_url"):
        address = client.format_url(address)
    # Resource Graph's client has it under the other name.
    send = getattr(client, "send_request", None) or client._send_request  # noqa: SLF001 - described for callers there
    response = send(HttpRequest(method, address, json=body, headers={"Accept": "application/json", **(headers or {})}))
    if response.status_code >= _REFUSED:
        raise HttpResponseError(response=response)
    if response.status_code == _NO_CONTENT:
        return None
    try:
        answer = response.json()
        # Azure Monitor has been seen to write its JSON as a text of JSON.
        answer = json.loads(answer) if isinstance(answer, str) else answer
    except (ValueError, RecursionError, LookupError):
        raise HttpResponseError("the answer is no JSON", response=response) from None
    if not isinstance(answer, dict):
        raise HttpResponseError("the answer is no object of JSON", response=response)
    return answer
