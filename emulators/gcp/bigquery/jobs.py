"""Query jobs: understood, measured in bytes, evaluated, and kept for their results."""

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from emulators.gcp.bigquery import values
from emulators.gcp.bigquery.checks import invalid_query
from emulators.gcp.bigquery.export import BillingExport
from emulators.gcp.bigquery.translate import Parameters, Query, Scan, translate
from emulators.gcp.errors import GoogleError

MIB = 2**20
LEAST_BYTES = 10 * MIB
_KEPT = 200


@dataclass
class Job:
    """A query job. `config` is REST's `configuration.query`; `polls` is how often it will say that it is not done."""

    project: str
    job_id: str
    config: dict[str, Any]
    created: float
    polls: int = 0
    schema: list[dict[str, Any]] = field(default_factory=list)
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    bytes_processed: int = 0
    bytes_billed: int = 0
    cache_hit: bool = False
    error: GoogleError | None = None

    @property
    def done(self) -> bool:
        """Whether it says that it is done."""
        return self.polls <= 0


class Jobs:
    """Runs queries over the export; the newest 200 jobs are kept.

    `polls_until_done` makes new jobs say that often that they are still running.
    """

    def __init__(self, export: BillingExport) -> None:
        self._export = export
        self._lock = threading.Lock()
        self._jobs: OrderedDict[tuple[str, str], Job] = OrderedDict()
        self._results: dict[Any, Job] = {}
        self.polls_until_done = 0

    def run(
        self,
        project: str,
        config: dict[str, Any],
        allowed: Callable[[Scan], None],
        *,
        job_id: str = "",
        dry_run: bool = False,
    ) -> Job:
        """Run a query; `allowed` refuses a table that the caller may not read. A refusal is the job's `error`.

        Raises:
            GoogleError: the same refusal, of a dry run; or there is a job of this id already.
        """
        job = Job(project, job_id or f"job_{secrets.token_urlsafe(16)}", config, time.time(), self.polls_until_done)
        if (project, job.job_id) in self._jobs:
            raise GoogleError(
                "INVALID_ARGUMENT", f"Already Exists: Job {project}:US.{job.job_id}", rest_reason="duplicate", http=409
            )
        try:
            self._fill(job, allowed, dry_run=dry_run)
        except GoogleError as refused:
            if dry_run:
                raise
            job.error = refused
        if not dry_run:
            self._keep(job)
        return job

    def get(self, project: str, job_id: str) -> Job:
        """A job.

        Raises:
            GoogleError: NOT_FOUND: there is no such job.
        """
        with self._lock:
            job = self._jobs.get((project, job_id))
        if job is None:
            raise GoogleError("NOT_FOUND", f"Not found: Job {project}:{job_id}")
        return job

    def _keep(self, job: Job) -> None:
        with self._lock:
            self._jobs[job.project, job.job_id] = job
            while len(self._jobs) > _KEPT:
                self._jobs.popitem(last=False)

    def _fill(self, job: Job, allowed: Callable[[Scan], None], *, dry_run: bool) -> None:
        parameters = job.config.get("queryParameters") or []
        query = translate(job.config.get("query", ""), Parameters(parameters), self._export, job.project)
        for scan in query.scans:
            allowed(scan)
        key = (self._export.generation, query.sql, job.project)
        held = self._results.get(key) if job.config.get("useQueryCache", True) else None
        if held is not None and not dry_run:
            job.schema, job.rows, job.cache_hit = held.schema, held.rows, True
            return
        self._measure(job, query)
        self._evaluate(job, query, dry_run=dry_run)
        if not dry_run and "CURRENT_" not in query.sql:
            self._results = {kept: of for kept, of in self._results.items() if kept[0] == key[0]} | {key: job}

    def _measure(self, job: Job, query: Query) -> None:
        """The bytes that the query reads, and what is billed for them: whole MiB, 10 of them a table at least."""
        cursor = self._export.cursor()
        try:
            sizes = [_bytes_of(cursor, scan) * self._export.byte_scale for scan in query.scans]
        finally:
            cursor.close()
        job.bytes_processed = sum(sizes)
        job.bytes_billed = sum(max(LEAST_BYTES, -(-size // MIB) * MIB) for size in sizes)
        most = job.config.get("maximumBytesBilled")
        if most is not None and job.bytes_billed > int(most):
            raise GoogleError(
                "INVALID_ARGUMENT",
                f"Query exceeded limit for bytes billed: {int(most)}. {job.bytes_billed} or higher required.",
                rest_reason="bytesBilledLimitExceeded",
            )

    def _evaluate(self, job: Job, query: Query, *, dry_run: bool) -> None:
        import duckdb  # noqa: PLC0415  # loaded where there is an export

        cursor = self._export.cursor()
        try:
            cursor.execute(f"SELECT * FROM ({query.sql}) LIMIT 0" if dry_run else query.sql)  # noqa: S608  # its use
            job.rows = cursor.fetchall()
            columns = [(column[0], column[1]) for column in cursor.description]
        except duckdb.Error as refused:
            raise invalid_query(_message(str(refused))) from None
        finally:
            cursor.close()
        job.schema = [values.field(name, kind) for name, kind in columns]


def _bytes_of(cursor: Any, scan: Scan) -> int:
    if not scan.columns:
        return 0
    total = " + ".join(f'"{name}"' for name in scan.columns)
    # The names are the export's own; the condition was made from the parsed query.
    cursor.execute(f"SELECT COALESCE(SUM({total}), 0) FROM {scan.table.sizes} WHERE {scan.pruning}")  # noqa: S608
    return int(cursor.fetchall()[0][0])


def _message(text: str) -> str:
    """The engine's words as near to BigQuery's as one reads them."""
    first = text.splitlines()[0]
    found = first.partition('Referenced column "')[2].partition('"')[0]
    return f"Unrecognized name: {found}" if found else first
