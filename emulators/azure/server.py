"""`LocalAzure`: all services behind one loopback address, over TLS."""

import ssl
import threading
import time
from collections.abc import Callable
from contextlib import closing
from types import TracebackType
from typing import Any, Self

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

from emulators.azure.buckets import Limits
from emulators.azure.control import ControlPages
from emulators.azure.cost import CostManagement, CostTable
from emulators.azure.cost.control import add_cost_pages
from emulators.azure.directory import DEFAULT_TENANT, Directory
from emulators.azure.faults import Faults
from emulators.azure.front import Front
from emulators.azure.graph import ResourceGraph
from emulators.azure.login import Login
from emulators.azure.logs import LogsQuery, LogStore
from emulators.azure.metrics import MetricsBatch, MetricStore
from emulators.azure.ml_jobs import JobStore, MlJobs
from emulators.azure.operations import Operations
from emulators.azure.prices import PriceCatalog, RetailPrices, sample_prices
from emulators.azure.resource_manager import ResourceManager
from emulators.azure.resources import ResourceStore
from emulators.azure.subscriptions import Subscriptions
from emulators.azure.tls import LocalTls
from emulators.core.calls import Call, CallLog, peak_rates

_POLL_SECONDS = 0.02


class _RequestHandler(WSGIRequestHandler):
    """Keeps connections open, as Azure does, and sends answers at once."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002  # werkzeug's own name
        """Say nothing: the calls are on record."""


class _Server(ThreadedWSGIServer):
    """Shakes hands in the connection's own thread: a client that says nothing keeps no other waiting."""

    daemon_threads = True
    request_queue_size = 512

    def __init__(self, port: int, application: Any, context: ssl.SSLContext) -> None:
        super().__init__("127.0.0.1", port, application, handler=_RequestHandler)
        self.ssl_context = context  # by which werkzeug tells the scheme

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Serve one connection."""
        context = self.ssl_context
        assert context is not None  # noqa: S101 - given above, for the type checker
        try:
            secured = context.wrap_socket(request, server_side=True)
        except OSError:
            return  # it gave up, or does not trust us
        with closing(secured):
            super().finish_request(secured, client_address)


class LocalAzure:
    """A local Azure on 127.0.0.1, for use as a context manager. `port` 0 takes a free one.

    `clock` gives the time in epoch seconds by which metrics become visible and tokens expire.
    The stores may be filled in-process, before the start too: `subscriptions`, `resources`, `metrics`, `logs`, `jobs`,
    `costs`, `prices`.
    `directory` holds tenants and secrets, `limits` how much each API takes, `faults` what goes wrong.
    """

    def __init__(self, port: int = 0, clock: Callable[[], float] = time.time) -> None:
        self._port = port
        self.clock = clock
        self.log = CallLog[Call]("account", "region")
        self.faults = Faults()
        self.limits = Limits()
        self.directory = Directory(clock)
        self.directory.application()
        self.subscriptions = Subscriptions()
        self.resources = ResourceStore()
        self.metrics = MetricStore(clock)
        self.prices = PriceCatalog(sample_prices())
        self.costs = CostTable()
        self.control = ControlPages(self.log, self.faults)
        add_cost_pages(self.control, self.costs)
        self.logs = LogStore()
        self.jobs = JobStore()
        self.resource_manager = ResourceManager(self.resources, self.subscriptions, faults=self.faults)
        self._actions: dict[str, str] = {}
        self._tls: LocalTls | None = None
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> Self:
        """Bind and serve; returns once connections are accepted.

        Raises:
            OSError: the port is taken.
        """
        self._tls = LocalTls()
        self._server = _Server(self._port, self._front(), self._tls.context)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_POLL_SECONDS,), name="local-azure", daemon=True
        )
        self._thread.start()
        return self

    def _front(self) -> Front:
        shared: dict[str, Any] = {"faults": self.faults, "limits": self.limits}
        services = (
            Login(self.directory),
            ResourceGraph(self.resources, self.subscriptions, self.clock, **shared),
            MetricsBatch(self.metrics, self.resources, **shared),
            RetailPrices(self.prices, self.limits),
            CostManagement(self.costs, self.subscriptions, self.clock, **shared),
            LogsQuery(self.logs, self.clock, **shared),
            MlJobs(self.jobs, self.resources),
            self.resource_manager,
        )
        served = [one for service in services for one in service.operations()]
        self._actions = {one.api: one.action for one in served}
        return Front(
            Operations(served),
            self.directory,
            self.subscriptions,
            calls=self.log,
            control=self.control,
            **shared,
        )

    def stop(self) -> None:
        """Stop serving, free the port and remove the CA's file. Harmless when it is stopped already."""
        if self._server is None or self._thread is None or self._tls is None:
            return
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._tls.close()
        self._server = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def port(self) -> int:
        """The port that is served.

        Raises:
            RuntimeError: it is not started.
        """
        if self._server is None:
            raise RuntimeError("the local Azure is not started: use it as a context manager, or call start()")
        return self._server.server_port

    @property
    def url(self) -> str:
        """The address of every service; the certificate is good for `localhost` and `127.0.0.1`."""
        return f"https://localhost:{self.port}"

    @property
    def ca_file(self) -> str:
        """The path of the certificate (PEM) of the CA that a client must trust.

        Raises:
            RuntimeError: it is not started.
        """
        if self._tls is None:
            raise RuntimeError("the local Azure is not started: use it as a context manager, or call start()")
        return str(self._tls.ca_file)

    @property
    def endpoints(self) -> dict[str, str]:
        """Endpoints by name. `metrics` has `{region}` in it, to be replaced by a region, as the real ones have one.

        The plain address serves metrics too, and then takes any region.
        """
        url = self.url
        return {
            "authority": url,
            "resource_manager": url,
            "metrics": f"{url}/metrics/{{region}}",
            "logs": url,
            "prices": url,
        }

    def credentials(self, tenant: str = DEFAULT_TENANT) -> dict[str, str]:
        """`tenant_id`, `client_id`, `client_secret` of an application of the tenant, which exists from now on."""
        return self.directory.credentials(tenant)

    def calls(
        self, *, subscription: str | None = None, region: str | None = None, outcome: str | None = None
    ) -> dict[str, int]:
        """`service:operation` -> number of requests, throttled ones included; `outcome="throttle"` gives those apart.

        `subscription` takes a tenant for the calls that are above subscriptions.
        """
        return self.log.counts(account=subscription, region=region, outcome=outcome)

    def permissions(self) -> set[str]:
        """The actions that the requests so far needed, apart from reading what a query of Resource Graph lists."""
        return {self._actions[api] for api in self.log.counts() if self._actions.get(api)}

    def records(self) -> list[Call]:
        """Every request, one by one; `account` is the subscription, or the tenant where there is none."""
        return self.log.records()

    def reset_calls(self) -> None:
        """Forget every call."""
        self.log.reset()

    def peak_rates(self, seconds: float = 1.0) -> dict[str, float]:
        """`service:operation` -> the most calls in any window of `seconds`, all subscriptions together."""
        rates = peak_rates(self.log.records(), lambda call: call.api, seconds)
        return {api: rate * seconds for api, rate in rates.items()}

    def inject(self, kind: str, **settings: Any) -> None:
        """Put a fault in force; see `Fault` for kinds and settings.

        Raises:
            ValueError: an unknown kind or setting, or a value that is not allowed.
        """
        self.faults.inject(kind, **settings)
