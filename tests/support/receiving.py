"""A receiver of webhooks as its owner writes one, by the documentation of Standard Webhooks alone."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from http.client import HTTPMessage
from typing import Any

TOLERANCE = 300


def verified(secret: str, headers: Mapping[str, str], body: bytes, now: float) -> dict[str, Any]:
    """The message; AssertionError where it is not signed with the secret, or is too old."""
    message = HTTPMessage()
    for name, value in headers.items():
        message[name] = value
    identity, moment = message["webhook-id"], message["webhook-timestamp"]
    assert abs(now - int(moment)) <= TOLERANCE, "too old"
    key = base64.b64decode(secret.removeprefix("whsec_"))
    mark = base64.b64encode(hmac.digest(key, f"{identity}.{moment}.".encode() + body, hashlib.sha256)).decode()
    marks = [part.partition(",") for part in message["webhook-signature"].split(" ")]
    assert any(version == "v1" and hmac.compare_digest(mark, one) for version, _, one in marks), "not signed"
    found: dict[str, Any] = json.loads(body)
    return found
