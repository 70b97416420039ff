"""The one door: finds the operation, checks the token, meets the faults, counts the call, hands it on."""

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from emulators.azure import fault_errors
from emulators.azure.buckets import Limits
from emulators.azure.directory import Directory
from emulators.azure.errors import AzureError, bad_request, error_reply
from emulators.azure.faults import Faults
from emulators.azure.login import audience_service
from emulators.azure.operations import Operation, Operations
from emulators.azure.request import AzureRequest, read
from emulators.azure.subscriptions import Subscriptions
from emulators.core.buckets import Bucket
from emulators.core.calls import ERROR, OK, THROTTLE, Call, CallLog
from emulators.core.http import Environ, respond
from emulators.core.reply import Reply
from emulators.core.rewrites import Rewrites

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse  # exists for type checkers only

_TOO_MANY, _BAD, _UNAUTHORIZED = 429, 400, 401


class Front:
    """The WSGI application of all services."""

    def __init__(
        self,
        operations: Operations,
        directory: Directory,
        subscriptions: Subscriptions,
        *,
        faults: Faults,
        calls: CallLog[Call],
        limits: Limits,
        rewrites: Rewrites,
    ) -> None:
        self._operations = operations
        self._directory = directory
        self._subscriptions = subscriptions
        self._faults = faults
        self._calls = calls
        self._limits = limits
        self._reads = Bucket(time.monotonic)
        self._rewrites = rewrites

    def __call__(self, environ: Environ, start_response: "StartResponse") -> Iterable[bytes]:
        """Answer one request."""
        request = read(environ)
        arrived, began = time.time(), time.perf_counter()
        reply, outcome = self._answer(request)
        reply.headers.setdefault("x-ms-request-id", request.request_id)
        reply.headers.setdefault("x-ms-correlation-request-id", request.request_id)
        # The call is on record before its answer leaves: a test that got an answer finds the call counted.
        account = request.subscription or request.tenant
        call = Call(
            arrived,
            account,
            request.region,
            request.api or "unknown",
            outcome,
            reply.status,
            time.perf_counter() - began,
        )
        self._calls.record(call)
        return respond(reply)(environ, start_response)

    def _answer(self, request: AzureRequest) -> tuple[Reply, str]:
        try:
            operation = self._operations.find(request)
            if operation.service is not None:
                request.claims = self._claims(request, operation.service)
            request.region = request.parts.get("region", "")
            operation.check_version(request)
            wait, kind, error = self._faults.meet(request)
            if wait:
                time.sleep(wait)
            if error is not None:
                return error_reply(error), kind or ERROR
            headers = self._admit(request, operation)
            reply = operation.handle(request)
            reply.headers |= headers
            reply.body = self._rewrites.body(request.api, reply.body)
        except AzureError as refused:
            return error_reply(refused), THROTTLE if refused.status == _TOO_MANY else ERROR
        except (AttributeError, KeyError, TypeError, ValueError) as wrong:
            # A part of the body that is of another kind than it should be.
            text = f"The request content was invalid and could not be deserialized: {type(wrong).__name__}: {wrong}"
            return error_reply(bad_request(text, "InvalidRequestContent")), ERROR
        return reply, ERROR if reply.status >= _BAD else OK

    def _claims(self, request: AzureRequest, service: str) -> dict[str, object]:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            text = "Authentication failed. The 'Authorization' header is missing."
            challenge = f'Bearer authorization_uri="{request.base}/common/oauth2/authorize", error="invalid_token"'
            raise AzureError(_UNAUTHORIZED, "AuthenticationFailed", text, headers={"WWW-Authenticate": challenge})
        given = self._directory.read_token(token)
        if given is None:
            raise _unauthorized("InvalidAuthenticationToken", "The access token is invalid.")
        claims, expired = given
        if expired:
            raise fault_errors.expired_token()
        if audience_service(claims["aud"], request.base) != service:
            text = (
                "The access token has been obtained for wrong audience or resource "
                f"'{claims['aud']}'. It should exactly match with one of the allowed audiences of this service."
            )
            raise _unauthorized("InvalidAuthenticationTokenAudience", text)
        return claims

    def _admit(self, request: AzureRequest, operation: Operation) -> dict[str, str]:
        """Check the subscription in the path, take a read from the bucket, and check the permission."""
        if operation.service is None:
            return {}
        self._check_subscription(request)
        headers = self._take_read(request) if operation.counted else {}
        if operation.action and self._faults.denied(operation.action, request.scope):
            raise fault_errors.denied(request, operation.action, request.scope)
        return headers

    def _check_subscription(self, request: AzureRequest) -> None:
        if not request.subscription:
            return
        found = self._subscriptions.get(request.subscription)
        if found is None:
            text = f"The subscription '{request.subscription}' could not be found."
            raise AzureError(404, "SubscriptionNotFound", text)
        if found.tenant != request.tenant:
            text = (
                f"The access token is from the wrong issuer 'https://sts.windows.net/{request.tenant}/'. It must match "
                f"the tenant 'https://sts.windows.net/{found.tenant}/' associated with this subscription."
            )
            raise _unauthorized("InvalidAuthenticationTokenTenant", text)
        if self._faults.is_disabled(found.id):
            raise fault_errors.disabled(found.id, write=request.method != "GET")

    def _take_read(self, request: AzureRequest) -> dict[str, str]:
        limits = self._limits
        if request.subscription:
            key, size, rate = request.subscription, limits.reads, limits.reads_per_second
        else:
            key, size, rate = request.tenant, limits.tenant_reads, limits.tenant_reads_per_second
        left, wait = self._reads.take((key, request.principal), size, rate)
        name = f"x-ms-ratelimit-remaining-{'subscription' if request.subscription else 'tenant'}-reads"
        if wait:
            error = fault_errors.throttled(request, fault_errors.Form.RETRY_AFTER, wait)
            error.headers[name] = "0"
            raise error
        return {name: f"{left}"}


def _unauthorized(code: str, text: str) -> AzureError:
    challenge = f'Bearer error="invalid_token", error_description="{text}"'
    return AzureError(_UNAUTHORIZED, code, text, headers={"WWW-Authenticate": challenge})
