"""The Google Cloud agent of OpenFinOps's API: dictionaries for a script, from the records that the fleet stores too.

As a program, ``python -m agents.gcp_telemetry_agent`` collects every service of the configuration (or of the
environment's variables) and forwards to OpenFinOps: see docs/standalone.md.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from agents.core.collection import Collection, find_account
from agents.core.context import Context, Shared
from agents.core.dates import span_of
from agents.core.meter import Meter
from agents.core.reading import Reading, Rows
from agents.gcp.calls import GcpCalls
from agents.gcp.credentials import Identity
from agents.gcp.export_lookup import find_export
from agents.gcp.session import section_of
from agents.gcp.settings import ENDPOINTS
from agents.gcp.views import bill_view, endpoint_view, instance_view
from agents.standalone.agent import given_names, make_settings, make_shared, named_endpoints, read
from agents.standalone.background import Background, InBackground
from telemetry.batch import Run
from telemetry.costs import CostLine
from telemetry.settings.loading import expand
from telemetry.settings.providers import DEFAULT_ACCOUNT
from telemetry.target import Target, Window


class GCPTelemetryAgent(InBackground):
    """Collects the metrics, list prices and the bill of one project.

    A figure that Google does not have, or a price that is unknown, is ``float("nan")``: it prints, and no sum hides it.
    Methods raise telemetry.errors.CollectionError and its kinds (Denied names the missing permission), ValueError or
    TypeError where an argument does not fit, and nothing else. An agent may be shared between threads.
    """

    def __init__(
        self,
        project_id: str | None = None,
        credentials_file: str | os.PathLike[str] | None = None,
        *,
        billing_export_table: str | None = None,
        endpoints: Mapping[str, str] | None = None,
        ca_file: str | None = None,
        settings: Mapping[str, Any] | None = None,
        price_cache: str | os.PathLike[str] | None = None,
    ) -> None:
        """Nothing is asked yet. ConfigError names an argument that cannot be right, and holds no secret.

        Without ``credentials_file``, application default credentials are used; without ``project_id``, the project of
        the credentials. A literal ``${NAME}`` is replaced by the environment variable of that name.
        ``billing_export_table`` (``project.dataset.table``) is what get_billing_data reads; without it, the variable
        GCP_BILLING_EXPORT_TABLE, or the only export that the project has. ``endpoints`` are addresses
        by the names ``monitoring``, ``inventory``, ``billing``, ``bigquery`` and ``token``, before those of the
        variables ``GCP_ENDPOINT_MONITORING`` and so on; ``ca_file`` holds the certificates to trust, ``settings`` more
        keys of the configuration's ``gcp`` section, and ``price_cache`` is the folder that prices are kept in
        (agents.standalone.agent.make_shared).
        """
        given = {
            "project_id": project_id,
            "credentials_file": None if credentials_file is None else os.fspath(credentials_file),
            "billing_export_table": billing_export_table
            or (settings or {}).get("billing_export_table")
            or os.environ.get("GCP_BILLING_EXPORT_TABLE"),
        }
        expanded = {name: expand(value) for name, value in given.items() if value}
        addresses = {**named_endpoints("gcp", ENDPOINTS), **(endpoints or {})}
        section = {**(settings or {}), **expanded, "endpoints": addresses, "ca_file": ca_file}
        self.project_id = expanded.get("project_id")
        self._shared = make_shared(make_settings("gcp", section, type(self).__name__), price_cache=price_cache)
        self._background = Background(
            "gcp-telemetry-agent",
            {"compute": self.collect_compute_metrics, "vertex_ai": self.collect_vertex_ai_metrics},
        )

    def collect_compute_metrics(self, instance_names: Sequence[str] | None = None, zone: str | None = None) -> Rows:
        """The instances of the project, or those of ``instance_names`` and of ``zone``: one dictionary each.

        ``name``, ``cpu_utilization``, ``memory_utilization`` and ``gpu_utilization`` in percent (the last two only
        where the Ops Agent runs), ``cost_per_hour`` (the list price of vCPUs, memory and GPUs), ``network_in`` and
        ``network_out`` in bytes over five minutes, ``instance_id``, ``machine_type``, ``state``, ``zone``, ``tags`` ...
        The figures are those of the last five minutes that Google can be expected to have whole; they begin at
        ``period_start``.
        """
        rows = [instance_view(one) for one in self._read("compute", given_names("instance_names", instance_names))]
        return [row for row in rows if zone is None or row.get("zone") == zone]

    def collect_vertex_ai_metrics(self, endpoint_id: str | None = None) -> Rows:
        """The endpoints of the project, or the one of that id: one dictionary each, none where there is no such.

        ``name``, ``prediction_count``, ``latency_p50_ms``, ``latency_p95_ms``, ``error_rate`` in percent over all
        deployed models in five minutes (nan without traffic), and ``endpoint_id``, ``replicas``, ``region`` ...
        """
        return [endpoint_view(one) for one in self._read("vertex_ai", None if endpoint_id is None else [endpoint_id])]

    def get_billing_data(self, start_date: date, end_date: date) -> dict[str, Any]:
        """What was used between two dates, as the Cloud Billing export has it by now, for all projects in it.

        Two dates are whole days of UTC, **both ends included**; two datetimes with a time zone are instants, half-open.

        ``total`` (what is to be paid: cost and credits), ``by_service``, ``currency``, and ``cost`` and ``credits`` by
        themselves, ``by_project``, ``start`` and ``end`` (excluded). Amounts are floats of exact sums. Where there are
        two currencies, ``total`` is nan, ``currency`` None, ``by_service`` empty, and ``by_currency`` has each by
        itself. Where the export has no row of that time, ``total`` is nan as well and not zero: rows come a day late,
        and none come of the time before the export was turned on. One query of BigQuery, which bills by what it scans.
        ``partial`` says what could not be read of the export; where that is an amount, ``total`` is nan.
        Where no table is configured, it is looked up, which is free: Denied says what to configure where the project
        does not have exactly one.
        """
        window = span_of(start_date, end_date)
        missing: list[str] = []
        return bill_view(self._lines(window, missing), window, missing)

    def _read(self, service: str, names: Sequence[str] | None) -> list[Reading]:
        only = None if names is None else tuple(dict.fromkeys(names))
        return read(self._shared, _target(service), only)

    def _lines(self, window: Window, missing: list[str]) -> Iterator[CostLine]:
        """The lines of the bill; after the last one ``missing`` says what it lacks."""
        shared = self._with_table()
        run = Run.start(_target("billing"), window, 1, shared.now())
        collection = Collection(shared, run)
        for batch in collection.batches():
            yield from batch.costs
        missing += collection.meter.missing()

    def _with_table(self) -> Shared:
        """What collections share, with the table of the export, which is looked up where it is not configured."""
        section = section_of(self._shared)
        account = find_account(self._shared, _target("billing"))
        if Identity.of(section, account.options).billing_export_table:
            return self._shared
        deadline = time.monotonic() + self._shared.settings.collect.deadline.total_seconds()
        table = find_export(GcpCalls(Context(self._shared, account, Meter(), deadline)))
        found = section.model_copy(update={"billing_export_table": table})
        # From now on, for this agent.
        self._shared = replace(self._shared, settings=self._shared.settings.model_copy(update={"gcp": found}))
        return self._shared


def _target(service: str) -> Target:
    return Target("gcp", DEFAULT_ACCOUNT, "global", service)


def main() -> None:
    """Collect and forward to OpenFinOps until SIGTERM or SIGINT: see agents.standalone.program."""
    from agents.standalone.program import run  # noqa: PLC0415 - a script that imports the class is no program

    run("gcp-telemetry-agent", "gcp")


if __name__ == "__main__":
    main()
