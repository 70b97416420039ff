"""Errors of object stores in our words. Their own text may hold a signed address, so little of it is kept."""

from __future__ import annotations

import re

from agents.core.bills.store_kinds import Kind
from telemetry.errors import CollectionError, CollectionFailed, Denied, Throttled, Unavailable
from telemetry.redact import redact

_CODE = re.compile(r"<Code>([A-Za-z0-9]{1,60})</Code>")
_STATUS = re.compile(r"\b(?:status|status code:?|HTTP status)[^0-9]{0,30}\(?([1-5][0-9]{2})\b", re.IGNORECASE)
_MESSAGE = re.compile(r"<Message>([^<]{1,300})</Message>")
_RETRY_AFTER = re.compile(r"retry-after\W{1,4}([0-9]{1,5})\b", re.IGNORECASE)
_THROTTLES = frozenset({"SlowDown", "ServerBusy", "TooManyRequests", "RequestLimitExceeded", "Throttling"})
_BUSY = frozenset({429, 503})
_SERVER = 500
_NOT_FOUND = 404
_REFUSALS = frozenset({401, 403})
_ELSEWHERE = frozenset({"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"})
_CREDENTIALS = frozenset({"ExpiredToken", "TokenRefreshRequired", "InvalidToken", "InvalidAccessKeyId"})
_AWAY = ("connect", "timed out", "timeout", "dns", "reset", "closed before", "incomplete", "error decoding", "broken")


class Changed(CollectionFailed):
    """A file was replaced while it was read: another attempt reads the new one."""

    transient = True


class Missing(CollectionFailed):
    """A file that was told of is not there, or not any more."""


def translated(error: Exception, kind: Kind, where: str, permission: str) -> CollectionError:
    """What an error of the library's means; ``where`` is the address without credentials."""
    name, text = type(error).__name__, str(error).partition("Debug source:")[0]
    code = found[1] if (found := _CODE.search(text)) else ""
    status = int(found[1]) if (found := _STATUS.search(text)) else 0
    why = redact(" ".join(filter(None, (code, found[1].strip() if (found := _MESSAGE.search(text)) else ""))))
    told = f" ({why})" if why else ""
    if name == "PreconditionError":
        return Changed(f"{where}: the file was replaced while it was read")
    if name in {"NotFoundError", "FileNotFoundError"} or status == _NOT_FOUND:
        return Missing(f"{where}: there is no such {'bucket' if 'Bucket' in code else 'file'}{told}")
    if name in {"PermissionDeniedError", "UnauthenticatedError", "PermissionError"} or status in _REFUSALS:
        return _refused(where, code, told, permission)
    if code in _THROTTLES or status in _BUSY:
        wait = float(found[1]) if (found := _RETRY_AFTER.search(text)) else None
        return Throttled(f"{where}: the store asks to slow down{told}", f"{kind.name}/{where}", wait)
    return _failed(error, text, where, (code, status, told))


def _refused(where: str, code: str, told: str, permission: str) -> Denied:
    if code in _CREDENTIALS:
        return Denied(f"{where}: the credentials are not taken{told}")
    return Denied(f"{where}: {permission} is refused{told}", permission)


def _failed(error: Exception, text: str, where: str, found: tuple[str, int, str]) -> CollectionError:
    code, status, told = found
    if status >= _SERVER:
        return Unavailable(f"{where}: the store fails with status {status}{told}")
    if code in _ELSEWHERE:
        return CollectionFailed(f"{where}: the bucket is in another region{told}: set region")
    if isinstance(error, ValueError):
        return CollectionFailed(f"{where}: the store's client cannot ask for such a key: {redact(text)[:300]}")
    if any(word in text.lower() for word in _AWAY):
        return Unavailable(f"{where}: the store cannot be reached, or broke off")
    return CollectionFailed(f"{where}: {type(error).__name__}{told or (f' (status {status})' if status else '')}")
