"""gRPC: every call is authenticated, met by faults, checked for its project, answered and put on record."""

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import grpc
from grpc_status import rpc_status

from emulators.core.calls import ERROR, OK
from emulators.core.cloud import HOST, not_bound
from emulators.gcp.errors import GoogleError
from emulators.gcp.gate import Gate, Visit

_THREADS = 8
_OPTIONS = (
    ("grpc.so_reuseport", 0),
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
)


@dataclass(frozen=True)
class Method:
    """One method of a gRPC service: `project_of` finds the project in a request, empty where there is none."""

    service: str
    name: str
    api: str
    request: Any
    permission: str
    project_of: Callable[[Any], str]
    answer: Callable[[Any], Any]


class RpcServer:
    """Serves methods on loopback; `port` is bound at once. `tls` is (key, certificate chain) in PEM.

    Raises:
        OSError: the port is taken.
    """

    def __init__(self, methods: Iterable[Method], gate: Gate, *, port: int = 0, tls: Any = None) -> None:
        self._gate = gate
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="local-gcp-grpc")
        self._server = grpc.server(self._pool, options=_OPTIONS)
        services: dict[str, dict[str, Any]] = {}
        for method in methods:
            services.setdefault(method.service, {})[method.name] = self._handler(method)
        for name, handlers in services.items():
            self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, handlers),))
        # Local credentials take plaintext, and let a client send its tokens over it.
        credentials = (
            grpc.local_server_credentials(grpc.LocalConnectionType.LOCAL_TCP)
            if tls is None
            else grpc.ssl_server_credentials([tls])
        )
        try:
            self.port = self._server.add_secure_port(f"{HOST}:{port}", credentials)
        except RuntimeError as refused:
            self._pool.shutdown()
            raise not_bound(port, str(refused)) from refused

    def start(self) -> None:
        """Accept calls."""
        self._server.start()

    def stop(self) -> None:
        """End the calls that are under way, and free the port."""
        self._server.stop(0).wait()
        self._pool.shutdown()

    def _handler(self, method: Method) -> Any:
        return grpc.unary_unary_rpc_method_handler(
            lambda request, context: self._answer(method, request, context),
            request_deserializer=method.request.FromString,
            response_serializer=lambda response: response.SerializeToString(),
        )

    def _answer(self, method: Method, request: Any, context: grpc.ServicerContext) -> Any:
        metadata = {str(key): value for key, value in context.invocation_metadata()}
        visit = Visit(
            time.time(),
            method.api,
            method.project_of(request),
            method.permission,
            str(metadata.get("authorization", "")),
            str(metadata.get("x-goog-user-project", "")),
            getattr(request, "page_token", ""),
        )
        try:
            self._gate.enter(visit)
            response = self._gate.rewrites.content(method.api, method.answer(request))
        except GoogleError as refused:
            self._gate.leave(visit, ERROR, refused.code)
            context.abort_with_status(rpc_status.to_status(refused.status()))
            raise  # never reached: abort raises
        self._gate.leave(visit, OK, "OK")
        return response
