"""A server of OTLP/HTTP as a destination.

The messages are the official ones (opentelemetry-proto); the sending is ours. The official exporter waits and retries
in the process, for records of its own SDK, while our waits and order are the outbox's.
"""

from __future__ import annotations

from collections.abc import Mapping

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from pydantic import SecretStr

from agents.core.destination import Destination, section_name, shaping
from agents.core.http.client import HttpClient
from agents.destinations.otlp.answer import PROTOBUF, OtlpAnswer, refuse, remark_on
from agents.destinations.otlp.request import packed, points_in, request_of
from agents.destinations.otlp.settings import OtlpSettings
from telemetry.batch import Batch
from telemetry.errors import ConfigError, ForwardError
from telemetry.redact import remember

_PATH = "/v1/metrics"


class Otlp(Destination):
    """One server."""

    def __init__(self, name: str, settings: OtlpSettings) -> None:
        """Reach nothing yet; ConfigError where a header cannot be one."""
        section = section_name(name, short_form=False)
        self._url = settings.endpoint.removesuffix(_PATH) + _PATH
        self.label = f"OTLP at {self._url}"
        timeout = settings.timeout.total_seconds()
        # The request, and an empty one to judge a refusal by; each with its connection.
        self.longest = 4 * timeout
        self._http = HttpClient(
            self._url,
            OtlpAnswer,
            section=section,
            headers={
                **_headers(settings.headers, section),
                "Content-Type": PROTOBUF,
                "Content-Encoding": "gzip",
                "Accept": PROTOBUF,
            },
            timeout=timeout,
            ca_file=settings.ca_file,
        )

    def send(self, batch: Batch) -> str:
        """Send the metrics of a batch; nothing where it has none."""
        with shaping(batch, self.label):
            request = request_of(batch)
            points = points_in(request)
            body = packed(request)
        return remark_on(self._post(body), points) if points else ""

    def takes(self, batch: Batch) -> bool:
        """Whether it takes a request without metrics right now, which every server has to."""
        del batch
        try:
            self._post(packed(ExportMetricsServiceRequest()))
        except ForwardError:
            return False
        return True

    def abort(self) -> None:
        """End the requests that are under way."""
        self._http.abort()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _post(self, body: bytes) -> OtlpAnswer:
        answer = self._http.ask("POST", self._url, body, {})
        if not answer.confirms:
            refuse(f"POST {self._url}", answer)
        return answer


def _headers(given: Mapping[str, SecretStr], section: str) -> dict[str, str]:
    found = {}
    for name, secret in given.items():
        value = secret.get_secret_value()
        remember(value)
        remember(value.rpartition(" ")[2])  # of "Bearer KEY", should the key come back alone
        # An HTTP library would name the value in its error.
        if not value or not (value.isascii() and value.isprintable()) or value != value.strip():
            problem = (
                "it is empty, or holds a character that a header cannot carry, such as a line break: copy it again"
            )
            raise ConfigError(section, (f"headers.{name}: {problem}",))
        found[name] = value
    return found
