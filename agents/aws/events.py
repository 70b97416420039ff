"""Watches every request that botocore sends, its retries too: waits for the quota before it, counts it after it.

Clients are shared by the runs of many threads. Which run a request belongs to is in a context variable, set only
around the call itself, since botocore sends in the thread that calls.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from agents.aws.codes import THROTTLES, TOO_MANY_REQUESTS, wait_of
from agents.aws.quotas import quota_of
from agents.aws.settings import AwsSettings
from agents.core.context import Context

_FIRST_ERROR = 400


@dataclass(frozen=True)
class _Asking:
    context: Context
    #: What the call is paid by: metrics asked for, pages ...
    units: int


_asking: ContextVar[_Asking | None] = ContextVar("finfleet_aws_asking", default=None)


@contextmanager
def asking(context: Context, units: int) -> Iterator[None]:
    """Requests of this thread belong to ``context``. Nothing may be yielded to a caller inside."""
    token = _asking.set(_Asking(context, units))
    try:
        yield
    finally:
        _asking.reset(token)


def scope_of(context: Context, region: str, api: str) -> str:
    """What AWS counts the calls of: ``aws/ACCOUNT/REGION/ec2:Describe*``."""
    return _scope(context, region, quota_of(api, quotas_of(context))[0])


def _scope(context: Context, region: str, group: str) -> str:
    return f"aws/{context.account.name}/{region}/{group}"


def quotas_of(context: Context) -> dict[str, float]:
    """The configured quotas."""
    section = context.shared.settings.section(AwsSettings)
    return section.quotas if section is not None else {}


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
        current = _asking.get()
        if current is None:
            return
        api = f"{self.service}:{operation_name}"
        context = current.context
        group, quota = quota_of(api, quotas_of(context))
        context.shared.limiter.acquire(_scope(context, self.region, group), quota, context.deadline)

    def count(self, *, event_name: str, response_dict: Any, parsed_response: Any, **_: Any) -> None:
        """Count one attempt. A refused one is not paid; one without an answer may be, and is counted so."""
        current = _asking.get()
        if current is None:
            return
        operation = event_name.rpartition(".")[2]
        api = f"{self.service}:{operation}"
        context = current.context
        status = response_dict["status_code"] if response_dict else 0
        context.meter.call(api, 0 if status >= _FIRST_ERROR else current.units)
        code = (parsed_response or {}).get("Error", {}).get("Code", "")
        if code in THROTTLES or status == TOO_MANY_REQUESTS:
            context.meter.throttle(api)
            seconds = wait_of(response_dict["headers"])
            if seconds:
                context.shared.limiter.quiet(scope_of(context, self.region, api), seconds)
