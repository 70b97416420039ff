"""The one door: finds the service, meets the faults, counts the call, hands it on."""

import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING
from typing import Protocol as Interface

import msgspec
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.wrappers import Response

from emulators.aws.errors import AwsError, render
from emulators.aws.fault_errors import auth_failure
from emulators.aws.faults import Faults
from emulators.aws.regions import Regions
from emulators.aws.request import AwsRequest, parse
from emulators.core.calls import ERROR, OK, Call, CallLog
from emulators.core.http import Environ, read_body, respond
from emulators.core.reply import Reply
from emulators.core.rewrites import Rewrites

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse  # exists for type checkers only

_BAD = 400


class Service(Interface):
    """One AWS service of ours."""

    def handle(self, request: AwsRequest) -> Reply | None:
        """The answer, or None for a request that moto answers.

        Raises:
            AwsError: the service refuses.
        """


class Front:
    """The WSGI application of all services."""

    def __init__(
        self,
        services: Mapping[str, Service],
        faults: Faults,
        calls: CallLog[Call],
        regions: Regions,
        rewrites: Rewrites,
    ) -> None:
        self._services = services
        self._faults = faults
        self._calls = calls
        self._regions = regions
        self._rewrites = rewrites
        self._moto = DomainDispatcherApplication(create_backend_app)

    def __call__(self, environ: Environ, start_response: "StartResponse") -> Iterable[bytes]:
        """Answer one request."""
        body = read_body(environ)
        if environ.get("PATH_INFO", "/").startswith("/moto-api"):
            return self._moto(environ, start_response)  # type: ignore[no-any-return]  # moto ships no types
        arrived, began = time.time(), time.perf_counter()
        request = parse(environ, body)
        response, outcome = self._answer(request, environ)
        # The call is on record before its answer leaves: a test that got an answer finds the call counted.
        self._calls.record(
            Call(
                arrived,
                request.account,
                request.region,
                request.api,
                outcome,
                response.status_code,
                time.perf_counter() - began,
                request.resource,
                len(response.get_data()),
            )
        )
        return response(environ, start_response)

    def _answer(self, request: AwsRequest, environ: Environ) -> tuple[Response, str]:
        wait, kind, error = self._faults.meet(request)
        if wait:
            time.sleep(wait)
        if error is not None:
            return respond(render(error, request)), kind or ERROR
        try:
            response = self._serve(request, environ)
            body = response.get_data()
            if (rewritten := self._rewrites.body(request.api, body)) != body:
                # Not in any case: an answer to HEAD has no body, and the length of what it is about.
                response.set_data(rewritten)
        except AwsError as refused:
            return respond(render(refused, request)), ERROR
        except msgspec.DecodeError as unreadable:
            return respond(render(AwsError("SerializationException", str(unreadable)), request)), ERROR
        return response, ERROR if response.status_code >= _BAD else OK

    def _serve(self, request: AwsRequest, environ: Environ) -> Response:
        if not self._regions.enabled(request.region):
            raise auth_failure(request)
        service = self._services.get(request.service)
        reply = service.handle(request) if service else None
        if reply is not None:
            reply.headers.setdefault("x-amzn-RequestId", request.request_id)
            return respond(reply)
        return Response.from_app(self._moto, environ, buffered=True)
