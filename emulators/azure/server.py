"""`LocalAzure`: all services behind one loopback address, over TLS."""

import ssl
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from emulators.azure.buckets import Limits
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
from emulators.core.calls import Call, CallLog, peak_rates
from emulators.core.certificates import issue_certificate
from emulators.core.http_cloud import HttpCloud


class LocalAzure(HttpCloud[Call, Faults]):
    """A local Azure on 127.0.0.1, for use as a context manager. `port` 0 takes a free one.

    `clock` gives the time in epoch seconds by which metrics become visible and tokens expire.
    The stores may be filled in-process, before the start too: `subscriptions`, `resources`, `metrics`, `logs`, `jobs`,
    `costs`, `prices`.
    `directory` holds tenants and secrets, `limits` how much each API takes, `faults` what goes wrong.
    The `account` of a call on record is the subscription, or the tenant where there is none.
    """

    name = "Azure"

    def __init__(self, port: int = 0, clock: Callable[[], float] = time.time) -> None:
        super().__init__(CallLog("account", "region"), Faults(), clock)
        self._port = port
        self.limits = Limits()
        self.directory = Directory(clock)
        self.directory.application()
        self.subscriptions = Subscriptions()
        self.resources = ResourceStore()
        self.metrics = MetricStore(clock)
        self.prices = PriceCatalog(sample_prices())
        self.costs = CostTable()
        add_cost_pages(self.control, self.costs)
        self.logs = LogStore()
        self.jobs = JobStore()
        self.resource_manager = ResourceManager(self.resources, self.subscriptions, faults=self.faults)
        self._actions: dict[str, str] = {}
        self._ca_file: Path | None = None

    def open(self, stack: ExitStack) -> None:
        """Bind and serve; the CA's file is there as long."""
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="local-azure-"))
        self._ca_file = Path(directory) / "ca.pem"
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        issue_certificate(self._ca_file).configure_cert(tls)
        self.serve(stack, self._front(), port=self._port, tls=tls)

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
            rewrites=self.rewrites,
            **shared,
        )

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
        return str(self.started(self._ca_file))

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

    def peak_rates(self, seconds: float = 1.0) -> dict[str, float]:
        """`service:operation` -> the most calls in any window of `seconds`, all subscriptions together."""
        rates = peak_rates(self.log.records(), lambda call: call.api, seconds)
        return {api: rate * seconds for api, rate in rates.items()}
