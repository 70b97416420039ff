"""BigQuery's REST: query jobs and their results, and the listings of datasets and tables."""

import json
import re
import time
from collections.abc import Callable
from typing import Any

from werkzeug.wrappers import Request, Response

from emulators.core.calls import ERROR, OK
from emulators.gcp.bigquery import values
from emulators.gcp.bigquery.export import BillingExport
from emulators.gcp.bigquery.jobs import Job, Jobs
from emulators.gcp.bigquery.translate import Scan
from emulators.gcp.errors import GoogleError, invalid
from emulators.gcp.gate import Gate, Visit
from emulators.gcp.web import as_json

_CREATE = "bigquery.jobs.create"
_READ = "bigquery.tables.getData"
_PATH = re.compile(r"(?:/bigquery/v2)?/projects/(?P<project>[^/]+)/(?P<rest>.+)$")
_LOCATION = "US"

Answer = Callable[[Visit, Request, dict[str, str]], Any]


class BigQuery:
    """Answers requests under `/bigquery/v2/projects/`. A page has at most `page_rows` rows."""

    def __init__(self, export: BillingExport, jobs: Jobs, gate: Gate) -> None:
        self._export = export
        self.jobs = jobs
        self._gate = gate
        self.page_rows = 10_000
        self.listing_page = 50
        job = r"(?P<job>[^/]+)"
        self._routes: list[tuple[str, str, str, str, Answer]] = [
            ("POST", "queries", "jobs.query", _CREATE, self._query),
            ("POST", "jobs", "jobs.insert", _CREATE, self._insert),
            ("GET", f"jobs/{job}", "jobs.get", "bigquery.jobs.get", self._get),
            ("POST", f"jobs/{job}/cancel", "jobs.cancel", "bigquery.jobs.update", self._cancel),
            ("GET", f"queries/{job}", "jobs.getQueryResults", _CREATE, self._results),
            ("GET", "datasets", "datasets.list", "bigquery.datasets.get", self._datasets),
            ("GET", r"datasets/(?P<dataset>[^/]+)/tables", "tables.list", "bigquery.tables.list", self._tables),
            (
                "GET",
                r"datasets/(?P<dataset>[^/]+)/tables/(?P<table>[^/]+)",
                "tables.get",
                "bigquery.tables.get",
                self._table,
            ),
        ]

    def __call__(self, request: Request) -> Response | None:
        """Answer a request that is one of BigQuery's."""
        path = _PATH.match(request.path)
        if path is None:
            return None
        for method, pattern, name, permission, answer in self._routes:
            found = re.fullmatch(pattern, path["rest"])
            if found is not None and method == request.method:
                return self._answer(request, f"bigquery:{name}", path["project"], permission, answer, found)
        return None

    def _answer(  # noqa: PLR0917  # what a route is made of
        self, request: Request, api: str, project: str, permission: str, answer: Answer, found: re.Match[str]
    ) -> Response:
        headers = request.headers
        visit = Visit(
            time.time(),
            api,
            project,
            permission,
            headers.get("Authorization", ""),
            headers.get("X-Goog-User-Project", ""),
            request.args.get("pageToken", ""),
        )
        try:
            self._gate.enter(visit)
            body = self._gate.rewrites.content(api, answer(visit, request, found.groupdict()))
        except GoogleError as refused:
            self._gate.leave(visit, ERROR, refused.code)
            raise
        self._gate.leave(visit, OK, "OK")
        return as_json(body)

    def _query(self, visit: Visit, request: Request, _names: dict[str, str]) -> Any:
        asked = _body(request)
        dry_run = bool(asked.get("dryRun"))
        job = self._run(visit, asked, dry_run=dry_run)
        if job.error is not None:
            raise job.error
        whole = bool(asked.get("formatOptions", {}).get("useInt64Timestamp"))
        most = int(asked["maxResults"]) if asked.get("maxResults") is not None else None
        body = self._page(job, 0, most, whole_times=whole) if not dry_run else _outline(job)
        return body | {"kind": "bigquery#queryResponse"}

    def _insert(self, visit: Visit, request: Request, _names: dict[str, str]) -> Any:
        asked = _body(request)
        configuration = asked.get("configuration", {})
        if "query" not in configuration:
            raise invalid("The local BigQuery runs query jobs only.")
        job = self._run(
            visit,
            configuration["query"],
            job_id=asked.get("jobReference", {}).get("jobId", ""),
            dry_run=bool(configuration.get("dryRun")),
        )
        return _job(job, dry_run=bool(configuration.get("dryRun")))

    def _get(self, visit: Visit, _request: Request, names: dict[str, str]) -> Any:
        job = self.jobs.get(visit.project, names["job"])
        body = _job(job)
        job.polls -= 1
        return body

    def _cancel(self, visit: Visit, _request: Request, names: dict[str, str]) -> Any:
        job = self.jobs.get(visit.project, names["job"])
        if not job.done:
            job.error = GoogleError("INVALID_ARGUMENT", "Job execution was cancelled: User requested cancellation")
            job.error.rest_reason, job.polls = "stopped", 0
        return {"kind": "bigquery#jobCancelResponse", "job": _job(job)}

    def _results(self, visit: Visit, request: Request, names: dict[str, str]) -> Any:
        job = self.jobs.get(visit.project, names["job"])
        if job.done and job.error is not None:
            raise job.error
        arguments = request.args
        first = _first_row(job, arguments.get("pageToken"), arguments.get("startIndex"))
        most = int(arguments["maxResults"]) if "maxResults" in arguments else None
        whole = arguments.get("formatOptions.useInt64Timestamp", "").lower() == "true"
        body = self._page(job, first, most, whole_times=whole)
        job.polls -= 1
        return body | {"kind": "bigquery#getQueryResultsResponse"}

    def _datasets(self, visit: Visit, request: Request, _names: dict[str, str]) -> Any:
        own = [name.split(".") for name in self._export.names() if name.startswith(f"{visit.project}.")]
        references = [
            {"projectId": visit.project, "datasetId": dataset} for dataset in sorted({dataset for _, dataset, _ in own})
        ]
        items = [{"kind": "bigquery#dataset", "datasetReference": one, "location": _LOCATION} for one in references]
        return self._listed("bigquery#datasetList", "datasets", items, request)

    def _tables(self, visit: Visit, request: Request, names: dict[str, str]) -> Any:
        of_dataset = f"{visit.project}.{names['dataset']}."
        items = [
            {
                "kind": "bigquery#table",
                "tableReference": dict(zip(("projectId", "datasetId", "tableId"), name.split("."), strict=True)),
                "type": "TABLE",
            }
            for name in self._export.names()
            if name.startswith(of_dataset)
        ]
        return self._listed("bigquery#tableList", "tables", items, request)

    def _listed(self, kind: str, name: str, items: list[dict[str, Any]], request: Request) -> dict[str, Any]:
        """A page of a listing: its token is the place of the next item."""
        first = int(request.args.get("pageToken") or 0)
        last = first + self.listing_page
        further = {"nextPageToken": str(last)} if last < len(items) else {}
        return {"kind": kind, name: items[first:last], "totalItems": len(items), **further}

    def _table(self, visit: Visit, _request: Request, names: dict[str, str]) -> Any:
        name = f"{visit.project}.{names['dataset']}.{names['table']}"
        table = self._export.table(name)
        if table is None:
            raise GoogleError("NOT_FOUND", f"Not found: Table {name.replace('.', ':', 1)}")
        return {
            "kind": "bigquery#table",
            "id": name.replace(".", ":", 1),
            "tableReference": {"projectId": visit.project, "datasetId": names["dataset"], "tableId": names["table"]},
            "schema": {"fields": [field.rest() for field in table.fields]},
            "numRows": str(len(table.rows)),
            "timePartitioning": {"type": "DAY"},
            "type": "TABLE",
            "location": _LOCATION,
        }

    def _run(self, visit: Visit, config: dict[str, Any], *, job_id: str = "", dry_run: bool = False) -> Job:
        if config.get("useLegacySql", True):
            raise invalid("The local BigQuery speaks GoogleSQL only: set useLegacySql to false.")

        def allowed(scan: Scan) -> None:
            project = scan.table.name.split(".", maxsplit=1)[0]
            if self._gate.denied(visit, _READ, project):
                name = scan.table.name.replace(".", ":", 1)
                raise GoogleError(
                    "PERMISSION_DENIED",
                    f"Access Denied: Table {name}: User does not have permission to query table {name}, or perhaps it "
                    "does not exist.",
                )

        return self.jobs.run(visit.project, config, allowed, job_id=job_id, dry_run=dry_run)

    def _page(self, job: Job, first: int, most: int | None, *, whole_times: bool) -> dict[str, Any]:
        body = _outline(job)
        if not job.done:
            return {"jobReference": body["jobReference"], "jobComplete": False}
        last = min(len(job.rows), first + min(self.page_rows if most is None else most, self.page_rows))
        body["totalRows"] = str(len(job.rows))
        body["rows"] = [values.row(job.schema, row, whole_times=whole_times) for row in job.rows[first:last]]
        if last < len(job.rows):
            body["pageToken"] = f"{job.job_id}/{last}"
        return body


def _outline(job: Job) -> dict[str, Any]:
    return {
        "schema": {"fields": job.schema},
        "jobReference": {"projectId": job.project, "jobId": job.job_id, "location": _LOCATION},
        "jobComplete": True,
        "totalBytesProcessed": str(job.bytes_processed),
        "totalBytesBilled": str(job.bytes_billed),
        "cacheHit": job.cache_hit,
    }


def _job(job: Job, *, dry_run: bool = False) -> dict[str, Any]:
    millis = str(int(job.created * 1000))
    status: dict[str, Any] = {"state": "DONE" if job.done or dry_run else "RUNNING"}
    if job.error is not None and job.done:
        status |= {"errorResult": job.error.rest_error(), "errors": [job.error.rest_error()]}
    query = {
        "totalBytesProcessed": str(job.bytes_processed),
        "totalBytesBilled": str(job.bytes_billed),
        "cacheHit": job.cache_hit,
        "statementType": "SELECT",
    }
    destination = {"projectId": job.project, "datasetId": "_local_results", "tableId": f"anon_{job.job_id}"}
    times = {"creationTime": millis, "startTime": millis} | ({"endTime": millis} if job.done else {})
    return {
        "kind": "bigquery#job",
        "id": f"{job.project}:{_LOCATION}.{job.job_id}",
        "jobReference": {"projectId": job.project, "jobId": job.job_id, "location": _LOCATION},
        "configuration": {
            "jobType": "QUERY",
            "query": {"destinationTable": destination} | job.config,
            "dryRun": dry_run,
        },
        "status": status,
        "statistics": times
        | {"totalBytesProcessed": str(job.bytes_processed), "query": query | {"schema": {"fields": job.schema}}},
    }


def _body(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(request.get_data())
    except ValueError:
        raise invalid("Invalid JSON payload received.") from None
    if not isinstance(body, dict):
        raise invalid("Invalid JSON payload received: an object was expected.")
    return body


def _first_row(job: Job, token: str | None, start: str | None) -> int:
    if not token:
        return int(start or 0)
    of_job, _, row = token.rpartition("/")
    if of_job != job.job_id or not row.isdecimal():
        raise invalid("Invalid value for pageToken: it is not one of this job.")
    return int(row)
