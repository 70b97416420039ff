"""The AWS agent of OpenFinOps's API: dictionaries for a script, from the same records that the fleet stores.

As a program, ``python -m agents.aws_telemetry_agent`` collects every service of the configuration (or of the
environment's variables) and forwards to OpenFinOps: see docs/standalone.md.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from agents.aws.calls import AwsCalls
from agents.aws.cost import costs
from agents.aws.cost.costs import CostReader, Key
from agents.aws.cost.span import span_of
from agents.aws.cost.view import cost_views
from agents.aws.regions import cost_calls
from agents.aws.services.s3 import buckets_in
from agents.aws.settings import AwsSettings
from agents.aws.views import bucket_view, endpoint_view, instance_view
from agents.core.context import Context
from agents.core.meter import Meter
from agents.core.reading import Reading, Rows
from agents.core.service import find
from agents.standalone.agent import given_names, last_window, make_settings, make_shared, read
from agents.standalone.background import Background, InBackground
from telemetry.errors import CollectionError
from telemetry.redact import remember
from telemetry.settings.loading import expand
from telemetry.settings.providers import DEFAULT_ACCOUNT
from telemetry.target import Target, Window

logger = logging.getLogger(__name__)

_DEFAULT_REGION = "us-east-1"


class AWSTelemetryAgent(InBackground):
    """Collects the metrics, list prices and costs of one account in one region.

    A figure that AWS does not have, or a price that is unknown, is ``float("nan")``: it prints, and no sum hides it.
    Methods raise telemetry.errors.CollectionError and its kinds (Denied names the missing permission), ValueError or
    TypeError where an argument does not fit, nothing else.
    An agent may be shared between threads.
    """

    def __init__(
        self,
        aws_access_key_id: str | None = None,
        aws_secret_access_key: str | None = None,
        region: str | None = _DEFAULT_REGION,
        session_token: str | None = None,
        *,
        endpoints: Mapping[str, str] | None = None,
        ca_file: str | None = None,
        settings: Mapping[str, Any] | None = None,
        price_cache: str | os.PathLike[str] | None = None,
    ) -> None:
        """Reach nothing yet; ConfigError where an argument cannot be right.

        Without keys, boto3's own credential chain is used: profiles, roles, web identity. A literal ``${NAME}`` is
        replaced by the environment variable of that name. ``endpoints`` are addresses by boto3's service names,
        ``ca_file`` holds the certificates to trust, ``settings`` more keys of the configuration's ``aws`` section, and
        ``price_cache`` is the folder that prices are kept in (agents.standalone.agent.make_shared).
        """
        given = {
            "access_key_id": aws_access_key_id,
            "secret_access_key": aws_secret_access_key,
            "session_token": session_token,
            "region": region or _DEFAULT_REGION,
        }
        expanded = {name: expand(value) if value else None for name, value in given.items()}
        for name in ("access_key_id", "secret_access_key", "session_token"):
            remember(expanded[name] or "")
        section = {**(settings or {}), **expanded, "endpoints": dict(endpoints or {}), "ca_file": ca_file}
        self.region = str(expanded["region"])
        self._shared = make_shared(make_settings("aws", section, type(self).__name__), price_cache=price_cache)
        self._buckets: dict[str, tuple[Window, list[Reading]]] = {}
        self._buckets_lock = threading.Lock()
        self._background = Background(
            "aws-telemetry-agent",
            {
                "ec2": self.collect_ec2_metrics,
                "sagemaker": self.collect_sagemaker_metrics,
                "s3": self.collect_s3_metrics,
            },
        )

    def collect_ec2_metrics(self, instance_ids: Sequence[str] | None = None) -> Rows:
        """The instances of the region, or those of ``instance_ids`` that there are: one dictionary each.

        ``instance_id``, ``cpu_utilization`` and ``memory_utilization`` in percent (memory only where the CloudWatch
        agent publishes it), ``network_in`` and ``network_out`` in bytes over five minutes, ``cost_per_hour``, and
        ``name``, ``instance_type``, ``state``, ``lifecycle``, ``availability_zone``, ``tags`` ... The figures are those
        of the last five minutes that CloudWatch can be expected to have whole; they begin at ``period_start``.
        """
        return [instance_view(one) for one in self._read("ec2", given_names("instance_ids", instance_ids))]

    def collect_sagemaker_metrics(self, endpoint_name: str | None = None) -> Rows:
        """The endpoints of the region, or the one of that name: one dictionary each, none where there is no such.

        ``name``, ``invocations``, ``model_latency_ms``, ``4xx_errors``, ``5xx_errors`` over all variants in five
        minutes, ``cost_per_hour`` of all instances (nan for a serverless endpoint), and ``status``, ``instances`` ...
        """
        only = None if endpoint_name is None else (endpoint_name,)
        return [endpoint_view(one) for one in self._read("sagemaker", only)]

    def collect_s3_metrics(self, bucket_names: Sequence[str] | None = None) -> Rows:
        """The buckets of the account in all regions, or those of ``bucket_names`` that there are: one dictionary each.

        ``name``, ``size_gb`` (2^30 bytes), ``object_count``, ``storage_class`` (the one that holds most),
        ``monthly_cost`` (the list price of the storage for the month of the figures), and ``storage_classes``
        (class: GB), ``region`` ... AWS has one figure a day: each day is asked for once. The figures of a region that
        refuses are nan, and the log says why; where all refuse, that is raised.
        """
        wanted = given_names("bucket_names", bucket_names)
        calls = AwsCalls(self._context(Meter()), self.region)
        listed = [(one, region) for one, region in buckets_in(calls) if wanted is None or one.name in wanted]
        # Not everything that speaks S3 tells a bucket's region.
        regions = dict.fromkeys(region or self.region for _, region in listed)
        found: dict[str, Reading] = {}
        refused: list[CollectionError] = []
        for region in regions:
            try:
                found |= {one.resource.resource_id: one for one in self._buckets_in(region)}
            except CollectionError as error:
                logger.warning("the buckets in %s have no figures: %s", region, error)
                refused.append(error)
        if refused and len(refused) == len(regions):
            raise refused[0]
        return [bucket_view(found.get(one.resource_id) or Reading(one)) for one, _ in listed]

    def get_cost_and_usage(
        self, start_date: date, end_date: date, granularity: str = "DAILY"
    ) -> dict[str, dict[str, Any]]:
        """What AWS charged, by period: the key is the ISO date (HOURLY: the ISO time) that the period begins at.

        Two dates are whole days of UTC, **both ends included**; two datetimes with a time zone are instants, half-open,
        at whole hours for HOURLY and at midnight UTC otherwise. DAILY, MONTHLY (by calendar months, of which the first
        and the last may be parts), or HOURLY: 14 days back, and only where the account has enabled it.

        Each value holds ``total`` (``unblended``: what is invoiced), ``currency``, ``estimated`` (AWS may still revise
        it), ``amortized``, ``net`` and ``net_amortized`` (nan where AWS does not tell), ``by_service`` (the totals of
        services), ``start`` and ``end`` (excluded). Amounts are floats of exact sums. Where a period is billed in two
        currencies, ``total`` is nan, ``currency`` None, ``by_service`` empty, and ``by_currency`` has each by itself.

        AWS bills $0.01 a call, and a call more for each further page. ValueError and TypeError where the arguments do
        not fit; CollectionError (Denied, Throttled ...) where AWS does not answer.
        """
        span = span_of(start_date, end_date, granularity)
        reader = CostReader(cost_calls(self._context(Meter(costs.PAID))), span)
        return cost_views(group for page in reader.pages((Key("SERVICE"),)) for group in page.groups)

    def _read(self, service: str, only: tuple[str, ...] | None, region: str | None = None) -> list[Reading]:
        return read(self._shared, Target("aws", DEFAULT_ACCOUNT, region or self.region, service), only)

    def _context(self, meter: Meter) -> Context:
        section = self._shared.settings.section(AwsSettings)
        (account,) = section.accounts_of("aws") if section is not None else ()
        deadline = time.monotonic() + self._shared.settings.collect.deadline.total_seconds()
        return Context(self._shared, account, meter, deadline)

    def _buckets_in(self, region: str) -> list[Reading]:
        with self._buckets_lock:
            window = last_window(find("aws", "s3"), self._shared)
            kept = self._buckets.get(region)
            if kept is None or kept[0] != window:
                kept = self._buckets[region] = (window, self._read("s3", None, region))
            return kept[1]


def main() -> None:
    """Collect and forward to OpenFinOps until SIGTERM or SIGINT: see agents.standalone.program."""
    from agents.standalone.program import run  # noqa: PLC0415 - a script that imports the class is no program

    run("aws-telemetry-agent", "aws")


if __name__ == "__main__":
    main()
