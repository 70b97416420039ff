"""A page in the text format of Prometheus or OpenMetrics."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

from agents.core.context import Context
from agents.core.service import Estimate, Service, service
from agents.generic.address import API
from agents.generic.samples import Samples, moment_of
from agents.generic.settings import PrometheusSource
from telemetry.errors import CollectionFailed
from telemetry.records import Record
from telemetry.target import Target, Window


@service("generic", "prometheus")
class Prometheus(Service):
    """The samples of an exporter that is asked once a window: a ``generic.sources`` entry of kind ``prometheus``.

    A set of labels is a resource, and its labels are its tags. Counters, and the counts of histograms and summaries,
    are stored as they stand, under the statistic ``counter``. What is not a finite number is left out and counted.
    """

    interval = timedelta(minutes=1)
    delay = timedelta(0)
    regional = False
    live = True
    opt_in = True
    permissions = ()

    def collect(self, context: Context, target: Target, window: Window) -> Iterator[Record]:
        """Nothing is stored of a page that cannot be read to its end; an odd family is left out, counted and named."""
        from agents.generic.exposition import LENIENT, STRICT, add_samples  # noqa: PLC0415 - whoever polls none loads no parser
        from agents.generic.fetch import NotAcceptable, fetch  # noqa: PLC0415 - and no HTTP client

        source = context.account.options.get("source")
        if not isinstance(source, PrometheusSource):
            raise CollectionFailed(f"{target}: no entry of generic.sources is a prometheus of that name")
        samples = Samples(target, source, window, moment_of(context, window))

        def ask(accept: str) -> None:
            with fetch(source, accept, context.meter, context.deadline - time.monotonic()) as page:
                add_samples(page.body, page.content_type, source.include, samples)

        try:
            ask(LENIENT)
        except NotAcceptable:
            ask(STRICT)
        yield from samples.records(context)

    def estimate(self, window: Window, resources: int) -> Estimate:
        """One request."""
        del window, resources
        return Estimate(
            {API: 1}, Decimal(0), more="a request for each redirection, or where the source takes no other format"
        )
