"""`LocalAws`: all services behind one loopback address."""

import os
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import cache
from typing import Any, ClassVar

import boto3
import moto.eks.utils
from moto.core.base_backend import BackendDict
from moto.core.model_instances import reset_model_data
from moto.moto_server.werkzeug_app import MotoRequestHandler

from emulators.aws.actions import iam_action
from emulators.aws.cloudwatch import CloudWatch, MetricStore
from emulators.aws.cost import CostExplorer, CostTable
from emulators.aws.cost.control import add_cost_pages
from emulators.aws.data_exports import DataExports, Export
from emulators.aws.ec2 import Ec2, InstanceStore
from emulators.aws.eks import Eks
from emulators.aws.faults import Faults
from emulators.aws.front import Front, Service
from emulators.aws.invoicing import Invoicing
from emulators.aws.listings import S3, Lambda
from emulators.aws.pricing import Catalog, Pricing, sample_products
from emulators.aws.regions import Regions
from emulators.core.calls import Call, CallLog, peak_rates
from emulators.core.http import RequestHandler
from emulators.core.http_cloud import HttpCloud

DEFAULT_ACCOUNT = "123456789012"


class _RequestHandler(RequestHandler, MotoRequestHandler):
    """Hands header names to moto as S3 wants them."""


class LocalAws(HttpCloud[Call, Faults]):
    """A local AWS on 127.0.0.1, for use as a context manager. `port` 0 takes a free one.

    `clock` gives the time in epoch seconds by which datapoints become visible.
    The stores may be filled in-process: `metrics`, `instances`, `prices`, `costs`, `exports`,
    `invoices` (by their numbers).
    `before_get["bucket/key"]` is called once, before the next GetObject of it is answered.
    `regions.opted_in` enables more regions.
    What moto holds (S3, SageMaker, STS, ...) is one for the whole process: it is emptied when one is made
    while none runs, so that it may be filled before the start.
    """

    name = "AWS"
    _running: ClassVar[int] = 0
    _running_lock: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, port: int = 0, clock: Callable[[], float] = time.time) -> None:
        with LocalAws._running_lock:
            if LocalAws._running == 0:
                _reset_moto()
        super().__init__(CallLog("account", "region"), Faults(), clock)
        self._port = port
        self.regions = Regions()
        self.metrics = MetricStore()
        self.instances = InstanceStore()
        self.prices = Catalog(sample_products())
        self.costs = CostTable(payer=DEFAULT_ACCOUNT)
        self.exports: dict[str, Export] = {}
        self.invoices: dict[str, dict[str, Any]] = {}
        self.before_get: dict[str, Callable[[], None]] = {}
        add_cost_pages(self.control, self.costs)

    def open(self, stack: ExitStack) -> None:
        """Bind and serve."""
        self._count_running(1)
        stack.callback(self._count_running, -1)
        services: dict[str, Service] = {
            "ce": CostExplorer(self.costs, self.clock),
            "cloudwatch": CloudWatch(self.metrics, self.clock),
            "eks": Eks(),
            "lambda": Lambda(),
            "s3": S3(self.before_get),
            "ec2": Ec2(self.instances, self.regions, self.clock),
            "bcm-data-exports": DataExports(self.exports),
            "invoicing": Invoicing(self.invoices),
            "pricing": Pricing(self.prices),
        }
        front = Front(services, self.faults, self.log, self.regions, self.rewrites)
        self.serve(stack, front, port=self._port, handler=_RequestHandler)

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

    def peak_rates(self, seconds: float = 1.0) -> dict[tuple[str, str, str], float]:
        """(account, region, api) -> the most calls per second in any window of `seconds`."""
        return peak_rates(self.log.records(), lambda call: (call.account, call.region, call.api), seconds)

    @staticmethod
    def _count_running(more: int) -> None:
        with LocalAws._running_lock:
            LocalAws._running += more


def _reset_moto() -> None:
    # Its 1,300 public images are made anew at each reset and in each region; nothing here asks for them.
    os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"
    BackendDict.reset()
    reset_model_data()


# It makes a session, which reads all endpoints of AWS, for each role of a cluster that it is given.
vars(moto.eks.utils)["Session"] = cache(boto3.Session)
