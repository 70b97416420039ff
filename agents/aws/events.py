"""Watches every request that botocore sends, its retries too: waits for the quota before it, counts it after it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from agents.aws.api_call import AwsCall
from agents.aws.codes import THROTTLES, TOO_MANY_REQUESTS, wait_of
from agents.core.api_call import call_under_way

_FIRST_ERROR = 400


def watch(client: Any, service: str, region: str) -> None:
    """Meter and limit every request of ``client``; ``service`` is boto3's name, and the one in permissions."""
    watcher = _Watcher(service, region)
    name = client.meta.service_model.service_id.hyphenize()
    # Before the signature, which ages while the request waits for its turn.
    client.meta.events.register_first(f"request-created.{name}.*", watcher.wait)
    client.meta.events.register(f"response-received.{name}", watcher.count)


@dataclass(frozen=True)
class _Watcher:
    service: str
    region: str

    def wait(self, operation_name: str, **_: Any) -> None:
        call = self._call(operation_name)
        if call is not None:
            call.acquire()

    def count(self, *, event_name: str, response_dict: Any, parsed_response: Any, **_: Any) -> None:
        """Count one attempt. A refused one is not paid; one without an answer may be, and is counted so."""
        call = self._call(event_name.rpartition(".")[2])
        if call is None:
            return
        meter = call.context.meter
        status = response_dict["status_code"] if response_dict else 0
        meter.call(call.api, 0 if status >= _FIRST_ERROR else call.units)
        code = ((parsed_response or {}).get("Error") or {}).get("Code", "")
        if str(code) in THROTTLES or status == TOO_MANY_REQUESTS:
            meter.throttle(call.api)
            seconds = wait_of(response_dict["headers"])
            if seconds:
                call.silence(seconds)

    def _call(self, operation: str) -> AwsCall | None:
        current = call_under_way(AwsCall)
        return None if current is None else current.with_request(self.service, operation, self.region)
