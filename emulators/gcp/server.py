"""`LocalGcp`: every service behind loopback addresses."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from emulators.core.cloud import LocalCloud
from emulators.gcp.asset import AssetStore
from emulators.gcp.bigquery import BillingExport
from emulators.gcp.billing import Accounts
from emulators.gcp.billing.other_skus import sample_catalog
from emulators.gcp.calls import Call, CallLog
from emulators.gcp.control import add_project_page
from emulators.gcp.faults import Faults
from emulators.gcp.gate import Gate
from emulators.gcp.identity import Identities
from emulators.gcp.monitoring import MetricStore
from emulators.gcp.projects import Projects
from emulators.gcp.storage import Buckets


class LocalGcp(LocalCloud[Call, Faults]):
    """A local Google Cloud on 127.0.0.1, for use as a context manager. Ports 0 are free ones.

    `clock` gives the time in epoch seconds by which points become visible.
    The stores may be filled in-process, before the start too: `metrics`, `assets`, `catalog`, `accounts`,
    `billing_export`, `buckets`.
    A call without credentials is let in unless `require_credentials`; credentials that are given are verified always.
    """

    name = "Google Cloud"
    log: CallLog

    def __init__(
        self,
        *,
        grpc_port: int = 0,
        http_port: int = 0,
        clock: Callable[[], float] = time.time,
        require_credentials: bool = False,
    ) -> None:
        super().__init__(CallLog(), Faults(), clock)
        self.projects = Projects()
        self.identities = Identities()
        self.gate = Gate(self.log, self.faults, self.projects, self.identities, self.rewrites)
        self.gate.require_credentials = require_credentials
        self.metrics = MetricStore(self.projects, clock)
        self.assets = AssetStore(self.projects)
        self.catalog = sample_catalog()
        self.accounts = Accounts()
        self.billing_export = BillingExport(self.projects)
        self.buckets = Buckets(clock)
        add_project_page(self.control, self.projects)
        self._ports = (grpc_port, http_port)
        self._methods: list[Any] = []
        self._endpoints: dict[str, str] | None = None

    def open(self, stack: ExitStack) -> None:
        """Bind and serve."""
        # Loaded here, so that importing the package costs nothing where no server runs.
        from emulators.core.http import HttpServer  # noqa: PLC0415
        from emulators.gcp.asset.service import Inventory  # noqa: PLC0415
        from emulators.gcp.bigquery.jobs import Jobs  # noqa: PLC0415
        from emulators.gcp.bigquery.rest import BigQuery  # noqa: PLC0415
        from emulators.gcp.billing.service import Billing  # noqa: PLC0415
        from emulators.gcp.monitoring.service import Monitoring  # noqa: PLC0415
        from emulators.gcp.rpc import RpcServer  # noqa: PLC0415
        from emulators.gcp.storage.rest import PREFIX, Storage  # noqa: PLC0415
        from emulators.gcp.web import Tokens, Web  # noqa: PLC0415

        self._methods = [
            *Monitoring(self.metrics, self.projects).methods(),
            *Inventory(self.assets, self.projects, self.clock).methods(),
            *Billing(self.catalog, self.accounts, self.projects, self.clock).methods(),
        ]
        self.bigquery = BigQuery(self.billing_export, Jobs(self.billing_export), self.gate)
        self.storage = Storage(self.buckets, self.gate)
        web = Web(Tokens(self.identities, self.gate), self.bigquery, self.storage)
        http = HttpServer("local-gcp-http", web, self.control, port=self._ports[1])
        stack.callback(http.stop)
        rpc = RpcServer(self._methods, self.gate, port=self._ports[0])
        stack.callback(rpc.stop)
        http.start()
        rpc.start()
        address, url = f"127.0.0.1:{rpc.port}", f"http://127.0.0.1:{http.port}"
        grpc = dict.fromkeys(("monitoring", "inventory", "billing"), address)
        self._endpoints = grpc | {"bigquery": url, "storage": f"{url}{PREFIX}", "token": f"{url}/token"}
        self.identities.token_uri = self._endpoints["token"]

    def serve_tls(self, directory: Path) -> tuple[str, Path]:
        """Serve gRPC on one more port, over TLS: (`localhost:port`, the authority's file, made in `directory`)."""
        from emulators.gcp.certificates import make_certificate  # noqa: PLC0415
        from emulators.gcp.rpc import RpcServer  # noqa: PLC0415

        ca_file, certificate = make_certificate(directory)
        rpc = RpcServer(self._methods, self.gate, tls=certificate)
        self.started(self._opened).callback(rpc.stop)
        rpc.start()
        return f"localhost:{rpc.port}", ca_file

    def stop(self) -> None:
        """Stop serving, free the ports and let the export go: it is not for a second start. Harmless when stopped."""
        super().stop()
        self.billing_export.close()

    def delete_project(self, project: str) -> None:
        """Shut a project down: every call to it is refused from then on."""
        self.projects.delete(project)

    @property
    def addresses(self) -> str:
        """Where it listens, over gRPC and HTTP."""
        return f"{self.endpoints['monitoring']} and {self.endpoints['bigquery']}"

    @property
    def endpoints(self) -> dict[str, str]:
        """`monitoring`, `inventory`, `billing` as host:port of plain gRPC; `bigquery`, `storage` and `token` as URLs.

        Raises:
            RuntimeError: it is not started.
        """
        return dict(self.started(self._endpoints))

    def credentials_file(self, project: str, directory: Path, name: str = "finfleet") -> Path:
        """The JSON file of a new service account of a project, with a key of its own."""
        self.projects.add(project)
        return self.identities.credentials_file(project, directory, name)

    def calls(self, *, project: str | None = None, outcome: str | None = None) -> dict[str, int]:
        """`service:Method` -> number of requests, throttled ones included; `outcome="throttle"` gives those apart."""
        return self.log.counts(project=project, outcome=outcome)

    def peak_rates(self, seconds: float = 1.0) -> dict[tuple[str, str], float]:
        """(project, api) -> the most calls per second in any window of `seconds`."""
        return self.log.peak_rates(seconds)
