"""The Azure agent of OpenFinOps's API: dictionaries for a script, from the same records that the fleet stores.

As a program, ``python -m agents.azure_telemetry_agent`` collects every service of the configuration (or of the
environment's variables) and forwards to OpenFinOps: see docs/standalone.md.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from agents.azure.calls import AzureCalls
from agents.azure.costs import ACTUAL, Charge, Question, charges, keys
from agents.azure.months import months_of
from agents.azure.services.ml_workspace import TYPE, month_until
from agents.azure.settings import ENDPOINTS, AzureSettings
from agents.azure.views import cost_view, costs_by_resource, vm_view, workspace_view
from agents.core.context import Context
from agents.core.dates import days_only, span_of
from agents.core.meter import Meter
from agents.core.reading import Reading, Rows
from agents.standalone.agent import given_names, make_settings, make_shared, named_endpoints, read
from agents.standalone.background import Background, InBackground
from telemetry.errors import CollectionError, CollectionFailed
from telemetry.redact import redact, remember
from telemetry.settings.loading import expand
from telemetry.settings.providers import DEFAULT_ACCOUNT
from telemetry.target import Target, Window

logger = logging.getLogger(__name__)

_ANY = "*"
_COSTS_KEPT = 3600.0
"""Seconds: Azure has new costs a few times a day, and counts who asks for them."""


class AzureTelemetryAgent(InBackground):
    """Collects the metrics, list prices and costs of one subscription.

    A figure that Azure does not have, or a price that is unknown, is ``float("nan")``: it prints, and no sum hides it.
    Methods raise telemetry.errors.CollectionError and its kinds (Denied names the missing permission), nothing else.
    An agent may be shared between threads.
    """

    def __init__(
        self,
        subscription_id: str | None = None,
        client_id: str | None = None,
        client_secret: str | None = None,
        tenant_id: str | None = None,
        *,
        endpoints: Mapping[str, str] | None = None,
        ca_file: str | None = None,
        settings: Mapping[str, Any] | None = None,
        price_cache: str | os.PathLike[str] | None = None,
    ) -> None:
        """Reach nothing yet; ConfigError where an argument cannot be right, or credentials are given by halves.

        Without a client and its secret, azure-identity's DefaultAzureCredential is used: managed and workload identity,
        environment, the Azure CLI. A literal ``${NAME}`` is replaced by the environment variable of that name.
        ``endpoints`` are addresses by name (``authority``, ``resource_manager``, ``metrics``, ``logs``, ``prices``),
        before those of the variables ``AZURE_ENDPOINT_AUTHORITY`` and so on; ``ca_file`` holds the certificates to
        trust, ``settings`` more keys of the configuration's ``azure`` section (``cloud``, ``currency``,
        ``logs_workspace_id`` ...), and ``price_cache`` is the folder that prices are kept in
        (agents.standalone.agent.make_shared).
        """
        given = {
            "subscription_id": subscription_id,
            "client_id": client_id,
            "client_secret": client_secret,
            "tenant_id": tenant_id,
        }
        expanded = {name: expand(value) if value else None for name, value in given.items()}
        remember(expanded["client_secret"] or "")
        addresses = {**named_endpoints("azure", ENDPOINTS), **(endpoints or {})}
        section = {**(settings or {}), **expanded, "endpoints": addresses, "ca_file": ca_file}
        self._shared = make_shared(make_settings("azure", section, type(self).__name__), price_cache=price_cache)
        self._month: tuple[float, Window, dict[str, dict[str, Decimal]]] | None = None
        self._month_lock = threading.Lock()
        self._background = Background(
            "azure-telemetry-agent",
            {"virtual_machines": self.collect_vm_metrics, "ml_workspace": self.collect_ml_workspace_metrics},
        )

    def collect_vm_metrics(self, resource_group: str | None = None, vm_names: Sequence[str] | None = None) -> Rows:
        """The virtual machines of the subscription, of a group, or of those names that there are: a dictionary each.

        ``name``, ``cpu_utilization`` and ``memory_utilization`` in percent, ``disk_iops`` (reads and writes a second),
        ``network_in`` and ``network_out`` in bytes over five minutes, ``cost_per_hour`` (list price), and ``vm_size``,
        ``state``, ``os``, ``priority``, ``resource_group``, ``region``, ``tags`` ... The figures are those of the last
        five minutes that Azure Monitor can be expected to have whole; they begin at ``period_start``.
        """
        only = None
        names = given_names("vm_names", vm_names)
        if resource_group is not None or names is not None:
            only = tuple(f"{resource_group or _ANY}/{name}" for name in ((_ANY,) if names is None else names))
        return [vm_view(one) for one in self._read("virtual_machines", only)]

    def collect_ml_workspace_metrics(self, workspace_name: str | None = None) -> Rows:
        """The Machine Learning workspaces, or the one of that name: a dictionary each, none where there is no such.

        ``active_jobs`` (waiting or running now), ``completed_jobs`` and ``failed_jobs`` count the workspace's list of
        jobs, archived ones left out. ``compute_hours`` are nodes times hours of these jobs since the first of the month
        (UTC), nan where a job does not tell its times. ``monthly_cost`` is what Cost Management has so far of this
        month for the workspace, in ``currency``, at most an hour old; nan where costs cannot be read (the log says
        why) or are in two currencies. ``active_nodes``, ``cpu_utilization`` and ``gpu_utilization`` are metrics.
        """
        found = self._read("ml_workspace", None if workspace_name is None else (workspace_name,))
        month = self._costs_of_the_month() if found else None
        return [workspace_view(one, month) for one in found]

    def get_cost_management_data(self, start_date: date, end_date: date) -> dict[str, Any]:
        """What Azure charged (ActualCost): ``by_service`` (name: amount), ``total`` and ``currency``.

        Two dates are whole days of UTC, **both ends included**; two datetimes with a time zone are instants at
        midnight UTC, half-open. Amounts are floats of exact sums. Where there are two currencies, ``total`` is nan,
        ``currency`` None, ``by_service`` empty, and ``by_currency`` has each by itself. ``start`` and ``end``
        (excluded) say what was asked for. A call for each calendar month, and one more for each further page.

        ValueError and TypeError where the arguments do not fit; CollectionError (Denied, Throttled ...) where Azure
        does not answer, or a row of its answer cannot be read: what is left would be no total.
        """
        span = span_of(start_date, end_date, days_only)
        questions = [Question(ACTUAL, part, keys("ServiceName"), daily=False) for part in months_of(span)]
        return cost_view(self._charges(*questions), span)

    def _read(self, service: str, only: tuple[str, ...] | None) -> list[Reading]:
        return read(self._shared, Target("azure", DEFAULT_ACCOUNT, "global", service), only)

    def _costs_of_the_month(self) -> dict[str, dict[str, Decimal]] | None:
        """What workspaces cost this month, by id; None where that cannot be read."""
        with self._month_lock:
            tomorrow = self._shared.now().replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
            span = month_until(tomorrow)
            if self._month is not None and time.monotonic() < self._month[0] and self._month[1] == span:
                return self._month[2]
            question = Question(ACTUAL, span, keys("ResourceId"), daily=False, only=("ResourceType", (TYPE,)))
            try:
                found = costs_by_resource(self._charges(question))
            except CollectionError as error:
                logger.warning("monthly_cost is unknown: %s", redact(str(error)))
                return None
            self._month = (time.monotonic() + _COSTS_KEPT, span, found)
            return found

    def _charges(self, *questions: Question) -> Iterator[Charge]:
        """All of them; CollectionFailed where one could not be read."""
        calls = self._calls()
        for question in questions:
            yield from charges(calls, question)
        for reason in calls.context.meter.missing():
            raise CollectionFailed(f"the bill cannot be read whole: {reason}")

    def _calls(self) -> AzureCalls:
        section = self._shared.settings.section(AzureSettings)
        (account,) = section.accounts_of("azure") if section is not None else ()
        deadline = time.monotonic() + self._shared.settings.collect.deadline.total_seconds()
        return AzureCalls(Context(self._shared, account, Meter(), deadline))


def main() -> None:
    """Collect and forward to OpenFinOps until SIGTERM or SIGINT: see agents.standalone.program."""
    from agents.standalone.program import run  # noqa: PLC0415 - a script that imports the class is no program

    run("azure-telemetry-agent", "azure")


if __name__ == "__main__":
    main()
