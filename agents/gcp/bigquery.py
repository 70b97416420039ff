"""Asks BigQuery: one query, its pages, and what it billed."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from functools import partial
from types import MappingProxyType
from typing import Any

from agents.gcp.calls import GcpCalls, Sending
from agents.gcp.session import section_of
from telemetry.errors import Unavailable

API = "bigquery:jobs.query"
PERMISSIONS = ("bigquery.jobs.create", "bigquery.tables.getData")
MIB = 2**20
PAID: Mapping[str, Decimal] = MappingProxyType({API: Decimal("6.25") / MIB})
"""$6.25 for a TiB that is scanned, by the MiB. The first TiB of a month is free: it is counted as if it were not."""
LEAST_MIB = 10
"""BigQuery bills no less for a table that a query reads."""

Parameters = Mapping[str, datetime | str]
"""Of a query, by their names."""
_PAGE = 5000
"""Rows of an answer."""
_GET_RESULTS = "bigquery:jobs.getQueryResults"
_DATASETS = "bigquery:datasets.list"
_TABLES = "bigquery:tables.list"
_LISTING = re.compile(r"/datasets(?:/[^/?]+/tables)?(?:\?|$)")
_RESULTS = re.compile(r"/queries/[^/?]+")


def query(calls: GcpCalls, sql: str, parameters: Parameters) -> Iterator[Mapping[str, Any]]:
    """The rows of a query of GoogleSQL, by the names of its columns, page by page.

    It scans no more than ``gcp.maximum_bytes_billed``: one that would is refused, and costs nothing. Where there is a
    budget of the day, what it will cost is asked for first, which is free.
    """
    if calls.budget is not None:
        tried: Any = calls.call(API, _asking(calls, sql, _config(parameters, dry_run=True)), lambda _: 0)
        calls.reserve(API, billed_mib(tried.total_bytes_processed))
    limit = section_of(calls.context.shared).maximum_bytes_billed
    ask = _asking(calls, sql, _config(parameters, maximum_bytes_billed=limit))
    answer: Any = calls.call(API, ask, lambda rows: billed_mib(rows.total_bytes_processed))
    rows, left = iter(answer), answer.total_rows or 0
    call = calls.naming(_GET_RESULTS)(calls.session)
    while True:
        with calls.translating(call):
            row = next(rows, None)
        if row is None:
            break
        left -= 1
        yield row
    if left:
        raise Unavailable(f"{call}: BigQuery's answer has not as many rows as it says: they are read anew")


def datasets(calls: GcpCalls) -> Iterator[str]:
    """The ids of the project's datasets, page by page; BigQuery takes nothing for it."""
    yield from (str(one.dataset_id) for one in _listed(calls, _DATASETS, lambda client: client.list_datasets))


def tables(calls: GcpCalls, dataset: str) -> Iterator[str]:
    """The ids of the tables and views of a dataset."""
    listing = _listed(calls, _TABLES, lambda client: partial(client.list_tables, f"{calls.project}.{dataset}"))
    yield from (str(one.table_id) for one in listing)


def _listed(calls: GcpCalls, api: str, method: Callable[[Any], Callable[..., Any]]) -> Iterator[Any]:
    requests = _Requests(calls)
    call = calls.naming(api)(calls.session)

    def ask(sending: Sending) -> tuple[Iterator[Any], Any]:
        with requests.first(sending):
            found = iter(method(sending.session.bigquery(requests))(retry=None, timeout=sending.timeout))
            return found, next(found, None)

    rest, item = calls.call(api, ask)
    while item is not None:
        yield item
        with calls.translating(call):
            item = next(rest, None)


def _asking(calls: GcpCalls, sql: str, config: Any) -> Callable[[Sending], Any]:
    requests = _Requests(calls)

    def ask(sending: Sending) -> Any:
        with requests.first(sending):
            return sending.session.bigquery(requests).query_and_wait(
                sql,
                job_config=config,
                api_timeout=sending.timeout,
                wait_timeout=max(1.0, calls.context.deadline - time.monotonic()),
                # BigQuery's own retries go on for ten minutes: ours are for what is over in a moment.
                retry=None,
                job_retry=None,
                page_size=_PAGE,
            )

    return ask


def billed_mib(scanned: int | None) -> int:
    """What is billed for so many bytes; nothing for an answer from the cache."""
    return max(LEAST_MIB, -(-scanned // MIB)) if scanned else 0


def _config(parameters: Parameters, **options: Any) -> Any:
    from google.cloud import bigquery  # noqa: PLC0415 - an SDK is loaded where it is used

    values = [
        bigquery.ScalarQueryParameter(name, "STRING" if isinstance(value, str) else "TIMESTAMP", value)
        for name, value in parameters.items()
    ]
    return bigquery.QueryJobConfig(query_parameters=values, **options)


class _Requests:
    """Sends the HTTP requests of one query. The first is the call itself; those that follow are metered here."""

    def __init__(self, calls: GcpCalls) -> None:
        self._calls = calls
        self._sending: Sending | None = None

    def first(self, sending: Sending) -> _Requests:
        """For a ``with``: the next request is this one."""
        self._sending = sending
        return self

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        self._sending = None

    def __call__(
        self, go: Callable[[Mapping[str, str]], Any], method: str, url: str, headers: Mapping[str, str]
    ) -> Any:
        """Send one request, with a token."""
        sending, self._sending = self._sending, None
        if sending is not None:
            return go({**headers, **dict(sending.metadata)})
        return self._calls.follow(_api(method, url), lambda sending: go({**headers, **dict(sending.metadata)}))


def _api(method: str, url: str) -> str:
    if _RESULTS.search(url):
        return _GET_RESULTS
    if _LISTING.search(url):
        return _TABLES if "/tables" in url else _DATASETS
    return "bigquery:jobs.get" if method == "GET" else "bigquery:jobs.cancel"
