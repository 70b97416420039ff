"""Page tokens: where the next page begins, good for the same request only."""

import base64
import hashlib
import json
from typing import Any

from emulators.gcp.errors import GoogleError, invalid


def token(request: Any, *position: int) -> str:
    """The token of the page that begins at `position`. `request` is a protobuf message."""
    return base64.urlsafe_b64encode(json.dumps([_digest(request), *position]).encode()).decode()


def position(request: Any, size: int = 1) -> list[int]:
    """Where the page of this request begins: `size` zeros for the first one.

    Raises:
        GoogleError: INVALID_ARGUMENT: the token is none of ours, or of another request.
    """
    if not request.page_token:
        return [0] * size
    try:
        digest, *numbers = json.loads(base64.b64decode(request.page_token, altchars=b"-_", validate=True))
    except (ValueError, TypeError):
        raise bad_token(request.page_token) from None
    if digest != _digest(request) or len(numbers) != size:
        raise bad_token(request.page_token)
    return [int(number) for number in numbers]


def bad_token(given: str) -> GoogleError:
    """The refusal of a page token."""
    return invalid(f'Field pageToken had an invalid value of "{given}": The page token is invalid or has expired.')


def _digest(request: Any) -> str:
    """What must stay the same from page to page: all but the token and the size."""
    bare = type(request)()
    bare.CopyFrom(request)
    bare.ClearField("page_token")
    bare.ClearField("page_size")
    return hashlib.sha256(bare.SerializeToString(deterministic=True)).hexdigest()[:16]
