"""What is answered over HTTP: tokens here, BigQuery by a handler of its own."""

import json
import re
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from werkzeug.wrappers import Request, Response

from emulators.core.calls import ERROR, OK
from emulators.core.http import Environ
from emulators.gcp.errors import GoogleError
from emulators.gcp.gate import Gate, Visit
from emulators.gcp.identity import TOKEN_SECONDS, Identities

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse  # exists for type checkers only

_IMPERSONATED = re.compile(r"/v1/projects/-/serviceAccounts/([^/:]+):generateAccessToken")
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"

Handler = Callable[[Request], Response | None]


class Web:
    """The WSGI application of handlers: the first that answers has answered."""

    def __init__(self, *handlers: Handler) -> None:
        self._handlers = handlers

    def __call__(self, environ: Environ, start_response: "StartResponse") -> Iterable[bytes]:
        """Answer one request."""
        request = Request(environ)
        try:
            answers = (handler(request) for handler in self._handlers)
            response = next((answer for answer in answers if answer is not None), None)
        except GoogleError as refused:
            response = as_json(refused.rest_body(), refused.http_status)
        if response is None:
            response = as_json(GoogleError("NOT_FOUND", f"No such page: {request.path}").rest_body(), 404)
        return response(environ, start_response)


def as_json(payload: Any, status: int = 200) -> Response:
    """An answer in JSON."""
    return Response(json.dumps(payload), status, content_type="application/json; charset=UTF-8")


class Tokens:
    """The token endpoint of service accounts, and the tokens of an impersonated one."""

    def __init__(self, identities: Identities, gate: Gate) -> None:
        self._identities = identities
        self._gate = gate

    def __call__(self, request: Request) -> Response | None:
        """Answer `POST /token` and `POST /v1/projects/-/serviceAccounts/ADDRESS:generateAccessToken`."""
        if request.method != "POST":
            return None
        if request.path == "/token":
            return self._token(dict(parse_qsl(request.get_data(as_text=True))))
        impersonated = _IMPERSONATED.fullmatch(request.path)
        return None if impersonated is None else self._impersonate(request, impersonated[1])

    def _impersonate(self, request: Request, email: str) -> Response:
        """A token of another service account, for a caller who has one of their own."""
        visit = Visit(
            time.time(),
            "iamcredentials:generateAccessToken",
            "",
            "iam.serviceAccounts.getAccessToken",
            request.headers.get("Authorization", ""),
        )
        try:
            self._gate.enter(visit)
        except GoogleError as refused:
            self._gate.leave(visit, ERROR, refused.code)
            raise
        self._gate.leave(visit, OK, "OK")
        until = datetime.fromtimestamp(visit.at + TOKEN_SECONDS - 1, UTC)
        granted = {"accessToken": self._identities.issue(email), "expireTime": f"{until:%Y-%m-%dT%H:%M:%SZ}"}
        return as_json(self._gate.rewrites.content(visit.api, granted))

    def _token(self, form: dict[str, str]) -> Response:
        if form.get("grant_type") != _GRANT:
            return _oauth_error("unsupported_grant_type", f"Invalid grant_type: {form.get('grant_type')}")
        try:
            email = self._identities.granted(form.get("assertion", ""))
        except GoogleError as refused:
            return _oauth_error("invalid_grant", refused.message)
        fault = self._gate.token_refusal(email)
        if fault is not None and fault.code == "UNAUTHENTICATED":
            return _oauth_error("invalid_grant", "Invalid JWT Signature.")
        if fault is not None:
            return _oauth_error(fault.code.lower(), fault.message, fault.http_status)
        token = self._identities.issue(email)
        granted = {"access_token": token, "expires_in": TOKEN_SECONDS - 1, "token_type": "Bearer"}
        return as_json(self._gate.rewrites.content("token:issue", granted))


def _oauth_error(error: str, description: str, status: int = 400) -> Response:
    return as_json({"error": error, "error_description": description}, status)
