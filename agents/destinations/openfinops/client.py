"""The client of OpenFinOps's HTTP API (measured against release 0.3.0).

OpenFinOps deduplicates nothing: a request that was taken, but whose answer was lost, makes a second row when it is
sent again. Its idempotency key, in the header and in the event, tells the two for one.

What an answer means::

    2xx with a JSON object        taken
    429, 503 with Retry-After     ForwardRetry after that time (an hour at the most)
    401, 403, 404, 405, 3xx       ForwardRetry after LONG_WAIT: a person can mend key, right or address,
                                  and what waits is then still there; a dead entry would have to be replayed
    5xx, 408, 425, no answer,     ForwardRetry
    2xx with something else       (a log-in page, another program: nothing was taken)
    any other 4xx (400, 413, 422) ForwardRefused, a kind of ForwardRejected: this batch, as it is, never will be
                                  taken, unless it was no OpenFinOps that refused (agents.core.refusals)

An answer is bytes, few and soon enough: whatever they are, nothing but these errors leaves the client.
"""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

import httpx
from pydantic import SecretStr

from agents.core.http.answer import one_line
from agents.core.http.client import HttpClient
from agents.destinations.openfinops.address import HEALTH, INGEST, REGISTER, base_address
from agents.destinations.openfinops.answer import Answer, refuse
from agents.destinations.openfinops.shape import Agent, Telemetry, to_json
from telemetry.errors import ConfigError, ForwardError, ForwardRejected, ForwardRetry
from telemetry.redact import remember


class OpenFinOpsClient:
    """Registers agents and sends telemetry. Safe to share between threads; close it when done."""

    def __init__(
        self,
        endpoint: str,
        api_key: SecretStr | None = None,
        timeout: float = 30.0,
        ca_file: str | None = None,
        *,
        allow_plaintext: bool = False,
    ) -> None:
        """Reach nothing yet; ConfigError where an argument cannot be right.

        ``endpoint`` is the base address, or one of the API's full addresses; ``timeout`` the seconds for a request and
        its answer, beside those for the connection; ``ca_file`` certificates (PEM) to trust instead of the usual ones.
        """
        self.base = base_address(endpoint, allow_plaintext=allow_plaintext)
        self.timeout = timeout
        self._registered: set[str] = set()
        self._lock = threading.Lock()
        self._http = HttpClient(
            self.base,
            Answer,
            section="openfinops",
            headers={"Accept": "application/json", **_authorization(api_key)},
            timeout=timeout,
            ca_file=ca_file,
            on_lost=self.forget_agents,
        )

    def __repr__(self) -> str:
        return f"OpenFinOpsClient({self.base})"

    def register(self, agent: Agent) -> None:
        """Make the agent known, once per process and agent id; ForwardRetry or ForwardRejected where that failed."""
        with self._lock:
            if agent.agent_id in self._registered:
                return
        self._post(REGISTER, agent, {})
        with self._lock:
            self._registered.add(agent.agent_id)

    def takes(self, agent: Agent) -> bool:
        """Whether OpenFinOps takes this agent's registration right now, be it known or not."""
        try:
            self._post(REGISTER, agent, {})
        except ForwardError:
            return False
        return True

    def ingest(self, telemetry: Telemetry) -> None:
        """Send one batch; ForwardRetry where it may be taken later, ForwardRejected where it never will."""
        self._post(INGEST, telemetry, {"Idempotency-Key": telemetry.idempotency_key})

    def forget_agents(self) -> None:
        """Register every agent again: the server may be a new one, with an empty table of agents."""
        with self._lock:
            self._registered.clear()

    def abort(self) -> None:
        """End the requests that are under way, from another thread: they raise ForwardRetry at once."""
        self._http.abort()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _post(self, path: str, body: Agent | Telemetry, headers: dict[str, str]) -> None:
        url = self.base + path
        answer = self._http.ask("POST", url, _written(body), {"Content-Type": "application/json", **headers})
        if not answer.taken:
            refuse(f"POST {url}", answer, self._what_is_there() if answer.status in {404, 405} else "")

    def _what_is_there(self) -> str:
        """What a server without our path is, by its own health page, and what to do about it."""
        url = self.base + HEALTH
        start = "start OpenFinOps's TelemetryServer (openfinops.observability.telemetry_server)"
        try:
            answer = self._http.ask("GET", url, None, {})
        except ForwardRetry:
            return f"GET {url} did not answer either: {start}"
        fields = answer.fields
        if answer.status == httpx.codes.OK and fields.get("status") == "healthy":
            version = fields.get("version")
            return (
                f"GET {url} answers as a healthy server of version "
                f"{one_line(version) if isinstance(version, str) else 'unknown'}, "
                f"but without this path: {start}, or correct openfinops.endpoint"
            )
        return (
            f"GET {url} answers {answer.status}, so no telemetry server is there; `openfinops server` shows pages only "
            f"and takes nothing in: {start}, and write its base address as openfinops.endpoint"
        )


def _written(body: Agent | Telemetry) -> bytes:
    try:
        return to_json(body)
    except ForwardError:
        raise
    except MemoryError:
        fault = ""
    except Exception as error:  # noqa: BLE001 - half a character, a number of 20 digits, a nest without an end
        fault = f"not sent: it cannot be written as JSON ({type(error).__name__})"
    if not fault:
        raise ForwardRetry("not sent: there is no memory for it")
    raise ForwardRejected(fault)


def _authorization(api_key: SecretStr | None) -> dict[str, str]:
    key = api_key.get_secret_value() if api_key is not None else ""
    if not key:
        return {}
    remember(key)
    # An HTTP library would name the key in its error.
    if not (key.isascii() and key.isprintable()) or " " in key:
        problem = "api_key: it holds a space, a line break or another character that a header cannot carry"
        raise ConfigError("openfinops", (f"{problem}: copy the key again",))
    return {"Authorization": f"Bearer {key}"}
