"""A JSON document that is asked for over HTTP."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

from agents.core.context import Context
from agents.core.service import Estimate, Service, service
from agents.generic.address import API
from agents.generic.documents import add_samples, read_document
from agents.generic.samples import Samples, moment_of
from agents.generic.settings import HttpJsonSource
from telemetry.errors import CollectionFailed
from telemetry.records import Record
from telemetry.target import Target, Window


@service("generic", "http_json")
class HttpJson(Service):
    """Numbers in a JSON document that is asked for once a window: a ``generic.sources`` entry of kind ``http_json``.

    A reading bears the time of the poll, or the last second of its window where that is just over; where the mapping
    names a timestamp, its own. What is not a finite number, or of another time, is left out and counted.
    """

    interval = timedelta(minutes=1)
    delay = timedelta(0)
    regional = False
    live = True
    opt_in = True
    permissions = ()

    def collect(self, context: Context, target: Target, window: Window) -> Iterator[Record]:
        """Nothing is stored of a document without records; a record that does not fit is left out and named."""
        from agents.generic.fetch import fetch  # noqa: PLC0415 - whoever polls none loads no HTTP client

        source = context.account.options.get("source")
        if not isinstance(source, HttpJsonSource):
            raise CollectionFailed(f"{target}: no entry of generic.sources is a http_json of that name")
        samples = Samples(target, source, window, moment_of(context, window))
        with fetch(source, "application/json", context.meter, context.deadline - time.monotonic()) as page:
            document = read_document(page.body, source.max_samples)
        add_samples(document, source, samples)
        yield from samples.records(context)

    def estimate(self, window: Window, resources: int) -> Estimate:
        """One request."""
        del window, resources
        return Estimate({API: 1}, Decimal(0), more="a request for each redirection")
