"""Azure's errors, and the shape in which each of its services carries one."""

from typing import Any

import msgspec

from emulators.core.reply import Reply

JSON = "application/json; charset=utf-8"


class AzureError(Exception):
    """A refusal as Azure words it: `{"error": {"code", "message", "details"?, "innererror"?}}`."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        headers: dict[str, str] | None = None,
        details: list[dict[str, Any]] | None = None,
        inner: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(status, code, message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})
        self.details = details
        self.inner = inner

    def payload(self) -> dict[str, Any]:
        """The body."""
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.details is not None:
            error["details"] = self.details
        if self.inner is not None:
            error["innererror"] = self.inner
        return {"error": error}


class LoginError(AzureError):
    """A refusal of the token endpoint, which has a shape of its own (RFC 6749, and AADSTS codes)."""

    def __init__(self, status: int, error: str, number: int, message: str, *, trace: str, stamp: str) -> None:
        super().__init__(status, error, f"AADSTS{number}: {message}")
        self.number = number
        self.trace = trace
        self.stamp = stamp

    def payload(self) -> dict[str, Any]:
        """The body."""
        told = f"{self.message} Trace ID: {self.trace} Correlation ID: {self.trace} Timestamp: {self.stamp}"
        return {
            "error": self.code,
            "error_description": told,
            "error_codes": [self.number],
            "timestamp": self.stamp,
            "trace_id": self.trace,
            "correlation_id": self.trace,
            "error_uri": f"https://login.microsoftonline.com/error?code={self.number}",
        }


class RawAnswer(AzureError):
    """An answer that is none of Azure's: of a proxy in between, or a front that is overloaded."""

    def __init__(self, status: int, body: str, content_type: str, seconds: int) -> None:
        super().__init__(status, "", "", headers={"Retry-After": f"{seconds}"} if seconds else {})
        self.body = body
        self.content_type = content_type


def json_reply(payload: Any, status: int = 200, headers: dict[str, str] | None = None) -> Reply:
    """An answer with a JSON body."""
    return Reply(status, msgspec.json.encode(payload), JSON, headers or {})


def error_reply(error: AzureError) -> Reply:
    """`error` on the wire."""
    if isinstance(error, RawAnswer):
        return Reply(error.status, error.body.encode(), error.content_type, dict(error.headers))
    return json_reply(error.payload(), error.status, dict(error.headers))


def bad_request(message: str, code: str = "BadRequest") -> AzureError:
    """A 400."""
    return AzureError(400, code, message)
