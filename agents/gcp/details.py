"""What an error of Google's carries beside its text, whether it came by gRPC or by HTTP."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agents.core.limits import LONGEST_WAIT
from agents.core.retry_after import parse_retry_after, parse_seconds

_RETRY_INFO = "google.rpc.RetryInfo"


@dataclass(frozen=True)
class Details:
    """One refusal."""

    #: HTTP's number of it, 0 where there was none.
    status: int
    #: Google's word: ``ResourceExhausted``, ``rateLimitExceeded`` ...
    name: str
    message: str
    #: The reason of google.rpc.ErrorInfo, or BigQuery's own; empty where none is given.
    reason: str
    #: Seconds that Google asks to wait, where it says so.
    retry_after: float | None
    #: The missing permission, where ErrorInfo names it.
    permission: str

    @classmethod
    def of(cls, error: Any) -> Details:
        """Those of a google.api_core.exceptions.GoogleAPIError."""
        reason = str(getattr(error, "reason", None) or _first_reason(error))
        metadata = getattr(error, "metadata", None)
        return cls(
            status=_status(getattr(error, "code", None)),
            name=reason or type(error).__name__,
            message=str(getattr(error, "message", "") or error),
            reason=reason,
            retry_after=_retry_after(error),
            permission=str(metadata.get("permission") or "") if isinstance(metadata, Mapping) else "",
        )


def _status(code: object) -> int:
    return int(code) if isinstance(code, int) else 0


def _first_reason(error: Any) -> str:
    """BigQuery's: its errors are a list of mappings."""
    for entry in _list(getattr(error, "errors", None)):
        if isinstance(entry, Mapping) and entry.get("reason"):
            return str(entry["reason"])
    return ""


def _retry_after(error: Any) -> float | None:
    waits = [wait for wait in (*_retry_infos(error), _header(error)) if wait is not None and math.isfinite(wait)]
    return min(max(0.0, *waits), LONGEST_WAIT) if waits else None


def _retry_infos(error: Any) -> Iterator[float]:
    for detail in _list(getattr(error, "details", None)):
        if isinstance(detail, Mapping):
            if str(detail.get("@type", "")).endswith(_RETRY_INFO):
                yield parse_seconds(str(detail.get("retryDelay", "")).removesuffix("s"), LONGEST_WAIT) or 0.0
        elif getattr(getattr(detail, "DESCRIPTOR", None), "full_name", "") == _RETRY_INFO:
            yield detail.retry_delay.seconds + detail.retry_delay.nanos / 1e9


def _list(value: object) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else ()


def _header(error: Any) -> float | None:
    headers = getattr(getattr(error, "response", None), "headers", None) or {}
    if not isinstance(headers, Mapping):
        return None
    return parse_retry_after(str(headers.get("Retry-After", "")), longest=LONGEST_WAIT)
