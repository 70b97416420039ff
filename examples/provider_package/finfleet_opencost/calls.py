"""The one way to ask OpenCost: metered, limited, within bounds of time and size, and with errors in our words."""

from __future__ import annotations

import ssl
import time
from collections.abc import Mapping
from fnmatch import fnmatchcase

import httpx

from agents.core.context import Context
from agents.core.limits import Quota
from agents.core.retry_after import parse_retry_after
from agents.core.unpacking import ACCEPTED, unpacked
from finfleet_opencost.permissions import PROXY
from finfleet_opencost.settings import ClusterAccess, OpenCostSettings
from telemetry.errors import CollectionFailed, Denied, Throttled, Unavailable
from telemetry.redact import redact

_QUOTA = Quota(rate=1, burst=4)
"""Ours: OpenCost has none of its own, and asks Prometheus some dozens of questions for each call."""
_LEAST_WAIT = 1.0
_SHOWN = 300


class OpenCostCalls:
    """What one collection asks of the OpenCost of one cluster.

    Raises telemetry.errors.CollectionError and its kinds, nothing else.
    """

    def __init__(self, context: Context) -> None:
        """CollectionFailed where this process has no section ``opencost:``."""
        section = context.shared.settings.section(OpenCostSettings)
        if section is None:
            raise CollectionFailed("opencost is not in the configuration of this worker")
        self.context = context
        self.section = section
        self.access: ClusterAccess = section.access(context.account.name)

    def get(self, api: str, path: str, parameters: Mapping[str, str]) -> bytes:
        """The body of the answer to one GET of ``api`` (``opencost:allocation``)."""
        context = self.context
        context.check_deadline()
        scope = f"opencost/{context.account.name}/{api}"
        context.shared.limiter.acquire(scope, self._quota(api), context.deadline)
        context.meter.call(api)
        try:
            with (
                # Neither proxies nor passwords of the environment: what is asked, and as whom, is in the configuration.
                httpx.Client(verify=self._certificates(), trust_env=False, timeout=self._timeout()) as client,
                client.stream(
                    "GET", f"{self.access.url}{path}", params=dict(parameters), headers=self._headers()
                ) as answer,
            ):
                self._refuse(api, scope, answer)
                return self._body(answer)
        except httpx.HTTPError as error:
            fault = redact(str(error))[:_SHOWN] or type(error).__name__
        except httpx.InvalidURL as error:
            raise CollectionFailed(f"{api}: url: {error}") from None
        # Outside of the except block: the library's error holds the request, and so the token.
        raise Unavailable(f"{api}: {fault}")

    def _body(self, answer: httpx.Response) -> bytes:
        pieces = []
        for piece in unpacked(answer.iter_raw(), answer.headers.get("Content-Encoding", ""), self.section.max_bytes):
            self.context.check_deadline()
            pieces.append(piece)
        return b"".join(pieces)

    def _refuse(self, api: str, scope: str, answer: httpx.Response) -> None:
        status = answer.status_code
        if status == httpx.codes.OK:
            return
        said = f"{api}: {status}: {self._said(answer)}"
        if status in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
            raise Denied(f"{said}: set the token of a service account that may {PROXY}", PROXY)
        wait = parse_retry_after(answer.headers.get("Retry-After", ""))
        if status == httpx.codes.TOO_MANY_REQUESTS or (status == httpx.codes.SERVICE_UNAVAILABLE and wait is not None):
            self.context.meter.throttle(api)
            self.context.shared.limiter.quiet(scope, max(wait or 0.0, _LEAST_WAIT))
            raise Throttled(said, scope, wait)
        if status >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise Unavailable(said)
        raise CollectionFailed(said)

    def _said(self, answer: httpx.Response) -> str:
        """The beginning of what a refusal says: a line of text, or the ``message`` of an object."""
        try:
            text = self._body(answer).decode(errors="replace")
        except CollectionFailed:
            return "no readable reason"
        return redact(" ".join(text.split()))[:_SHOWN] or "no reason given"

    def _headers(self) -> dict[str, str]:
        headers = {"Accept": "application/json", "Accept-Encoding": ACCEPTED, "User-Agent": "finfleet-opencost"}
        if self.access.token is not None:
            headers["Authorization"] = f"Bearer {self.access.token.get_secret_value()}"
        return headers

    def _quota(self, api: str) -> Quota:
        configured = self.section.quotas
        found = [pattern for pattern in configured if fnmatchcase(api, pattern)]
        if not found:
            return _QUOTA
        rate = configured[max(found, key=len)]  # the longest pattern counts, as with ours
        return Quota(rate, max(1, round(rate)))

    def _timeout(self) -> httpx.Timeout:
        left = max(0.001, self.context.deadline - time.monotonic())
        return httpx.Timeout(min(left, self.section.timeout.total_seconds()))

    def _certificates(self) -> ssl.SSLContext:
        path = self.section.ca_file
        if path is None:
            return httpx.create_ssl_context()
        try:
            return ssl.create_default_context(cafile=path)
        except OSError as error:  # an SSLError is one
            problem = f"ca_file: {path!r} cannot be read ({error}): name a file of certificates in PEM form"
        raise CollectionFailed(problem)
