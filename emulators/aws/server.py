"""`LocalAws`: all services behind one loopback address."""

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, ClassVar, Self

from moto.core.base_backend import BackendDict
from moto.core.model_instances import reset_model_data
from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import ThreadedWSGIServer

from emulators.aws.actions import iam_action
from emulators.aws.cloudwatch import CloudWatch, MetricStore
from emulators.aws.control import ControlPages
from emulators.aws.cost import CostExplorer, CostTable
from emulators.aws.cost.control import add_cost_pages
from emulators.aws.ec2 import Ec2, InstanceStore
from emulators.aws.eks import Eks
from emulators.aws.faults import Faults
from emulators.aws.front import Front, Service
from emulators.aws.listings import S3, Lambda
from emulators.aws.pricing import Catalog, Pricing, sample_products
from emulators.aws.regions import Regions
from emulators.core.calls import Call, CallLog, peak_rates

DEFAULT_ACCOUNT = "123456789012"
_POLL_SECONDS = 0.02


class _RequestHandler(MotoRequestHandler):
    """Keeps connections open, as AWS does, and sends answers at once."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002  # werkzeug's own name
        """Say nothing: the calls are on record."""


class _Server(ThreadedWSGIServer):
    daemon_threads = True
    request_queue_size = 512


class LocalAws:
    """A local AWS on 127.0.0.1, for use as a context manager. `port` 0 takes a free one.

    `clock` gives the time in epoch seconds by which datapoints become visible.
    The stores may be filled in-process: `metrics`, `instances`, `prices`, `costs`.
    `regions.opted_in` enables more regions.
    What moto holds (S3, SageMaker, STS, ...) is one for the whole process: it is emptied when one is made
    while none runs, so that it may be filled before the start.
    """

    _running: ClassVar[int] = 0
    _running_lock: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, port: int = 0, clock: Callable[[], float] = time.time) -> None:
        with LocalAws._running_lock:
            if LocalAws._running == 0:
                _reset_moto()
        self._port = port
        self.clock = clock
        self.log = CallLog[Call]("account", "region")
        self.faults = Faults()
        self.regions = Regions()
        self.metrics = MetricStore()
        self.instances = InstanceStore()
        self.prices = Catalog(sample_products())
        self.costs = CostTable(payer=DEFAULT_ACCOUNT)
        self.control = ControlPages(self.log, self.faults)
        add_cost_pages(self.control, self.costs)
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> Self:
        """Bind and serve; returns once connections are accepted.

        Raises:
            OSError: the port is taken.
        """
        with LocalAws._running_lock:
            LocalAws._running += 1
        services: dict[str, Service] = {
            "ce": CostExplorer(self.costs, self.clock),
            "cloudwatch": CloudWatch(self.metrics, self.clock),
            "eks": Eks(),
            "lambda": Lambda(),
            "s3": S3(),
            "ec2": Ec2(self.instances, self.regions, self.clock),
            "pricing": Pricing(self.prices),
        }
        front = Front(services, self.faults, self.log, self.regions, self.control)
        self._server = _Server("127.0.0.1", self._port, front, handler=_RequestHandler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_POLL_SECONDS,), name="local-aws", daemon=True
        )
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop serving and free the port. Harmless when it is stopped already."""
        if self._server is None or self._thread is None:
            return
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._server = None
        with LocalAws._running_lock:
            LocalAws._running -= 1

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
            raise RuntimeError("the local AWS is not started: use it as a context manager, or call start()")
        return self._server.server_port

    @property
    def url(self) -> str:
        """The endpoint of every service."""
        return f"http://127.0.0.1:{self.port}"

    def calls(
        self, *, account: str | None = None, region: str | None = None, outcome: str | None = None
    ) -> dict[str, int]:
        """`service.Action` -> number of requests, throttled ones included; `outcome="throttle"` gives those apart."""
        return self.log.counts(account=account, region=region, outcome=outcome)

    def permissions(self) -> set[str]:
        """The IAM actions that the requests so far needed: `s3:ListAllMyBuckets` for ListBuckets."""
        return {iam_action(*api.split(".", 1)) for api in self.log.counts()}

    def records(self) -> list[Call]:
        """Every request, one by one."""
        return self.log.records()

    def peak_rates(self, seconds: float = 1.0) -> dict[tuple[str, str, str], float]:
        """(account, region, api) -> the most calls per second in any window of `seconds`."""
        return peak_rates(self.log.records(), lambda call: (call.account, call.region, call.api), seconds)

    def inject(self, kind: str, **settings: Any) -> None:
        """Put a fault in force; see `Fault` for kinds and settings.

        Raises:
            ValueError: an unknown kind or setting, or a value that is not allowed.
        """
        self.faults.inject(kind, **settings)


def _reset_moto() -> None:
    BackendDict.reset()
    reset_model_data()
