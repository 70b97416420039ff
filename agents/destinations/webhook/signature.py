"""Signatures as Standard Webhooks 1.0 has them (github.com/standard-webhooks/standard-webhooks, spec, symmetric).

What is signed is ``id.timestamp.body``, with HMAC-SHA256; the header holds ``v1,`` and the base64 of it, one for each
secret. A secret is 24 to 64 random bytes in base64 behind ``whsec_``.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence

from pydantic import SecretStr

from telemetry.errors import ConfigError
from telemetry.redact import remember

PREFIX = "whsec_"
_LEAST, _MOST = 24, 64


def key_of(secret: SecretStr, section: str, field: str) -> bytes:
    """The bytes of a secret; ConfigError, which does not show it, where it is none of the form."""
    text = secret.get_secret_value()
    remember(text)
    remember(text.removeprefix(PREFIX))
    try:
        key = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):  # the second: not ASCII
        key = b""
    if not _LEAST <= len(key) <= _MOST:
        problem = (
            f"{_LEAST} to {_MOST} bytes in base64 behind {PREFIX}: echo {PREFIX}$(openssl rand -base64 32) makes one"
        )
        raise ConfigError(section, (f"{field}: write {problem}",))
    return key


def signed(keys: Sequence[bytes], message_id: str, timestamp: int, body: bytes) -> Mapping[str, str]:
    """The three headers of a message; ``timestamp`` are seconds since 1970-01-01 UTC, at the time of sending."""
    content = f"{message_id}.{timestamp}.".encode() + body
    marks = (base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode() for key in keys)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{mark}" for mark in marks),
    }
