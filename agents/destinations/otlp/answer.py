"""What a server of OTLP/HTTP answered, and what OTLP 1.x says follows (opentelemetry.io/docs/specs/otlp).

::

    2xx, ExportMetricsServiceResponse   taken; what a partial success rejects must not be sent again
    429, 502, 503, 504                  ForwardRetry, after Retry-After where there is one
    400 with a Status in protobuf       ForwardRejected: must not be sent again
    3xx, 401, 403, 404, 405             ForwardRetry after LONG_WAIT: a person can mend address or key
    any other, or 400 without a Status  ForwardInvalid: dead at once where the server takes an empty request, or once
                                        it takes others; an intermediary that refuses everything costs no message
"""

from __future__ import annotations

from http import HTTPStatus
from typing import NoReturn

import httpx
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsPartialSuccess,
    ExportMetricsServiceResponse,
)

from agents.core.http.answer import LONG_WAIT, THROTTLE_WAIT, Answer, one_line
from telemetry.errors import ForwardInvalid, ForwardRejected, ForwardRetry

PROTOBUF = "application/x-protobuf"
_RETRIED = {
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
}
_MENDED_BY_A_PERSON = {
    HTTPStatus.UNAUTHORIZED: "it does not know us: set headers",
    HTTPStatus.FORBIDDEN: "the key has no right to this: let it, or set other headers",
    HTTPStatus.NOT_FOUND: "nothing takes OTLP metrics at this path: correct endpoint",
    HTTPStatus.METHOD_NOT_ALLOWED: "nothing takes OTLP metrics at this path: correct endpoint",
}


class OtlpAnswer(Answer, frozen=True):
    """An answer of whoever is at the address."""

    @property
    def is_protobuf(self) -> bool:
        """Whether the body says to be a message of OTLP's."""
        return self.content_type.partition(";")[0].strip().lower() == PROTOBUF

    @property
    def confirms(self) -> bool:
        """Whether it is how OTLP confirms; an answer without any field is an empty body."""
        return self.is_success and (self.is_protobuf or not self.body)

    @property
    def reason(self) -> str:
        """What the server says of a refusal; empty where it says nothing in protobuf."""
        if not self.is_protobuf:
            return ""
        try:
            # google.rpc.Status has its text where a partial success has it: string, field 2.
            return one_line(ExportMetricsPartialSuccess.FromString(self.body).error_message)
        except DecodeError:
            return ""


def remark_on(answer: OtlpAnswer, points: int) -> str:
    """What a person should know of a request that was taken; ForwardRejected where none of its points was."""
    try:
        partial = ExportMetricsServiceResponse.FromString(answer.body).partial_success
    except DecodeError:
        return "taken, with an answer that cannot be read"
    said = one_line(partial.error_message)
    if partial.rejected_data_points <= 0:
        return f"the server warns: {said}" if said else ""
    rejected = f"the server rejects {partial.rejected_data_points} of {points} data points: {said or 'no reason given'}"
    if partial.rejected_data_points >= points:
        raise ForwardRejected(rejected)
    return rejected


def refuse(request: str, answer: OtlpAnswer) -> NoReturn:
    """Raise the error that an answer which does not take a request stands for."""
    status, reason = answer.status, answer.reason
    message = f"{request}: {answer.phrase}"
    if httpx.codes.is_redirect(status):
        problem = f"it leads to {answer.location!r}, which is not followed: write that as endpoint"
        raise ForwardRetry(f"{message}: {problem}", LONG_WAIT)
    if reason or (answer.text and not answer.is_protobuf):
        message += f": {reason or answer.text}"
    if answer.is_success:
        problem = "that is not how OTLP confirms: another program answers at this address"
        raise ForwardRetry(f"{message}: {problem}", LONG_WAIT)
    if status in _MENDED_BY_A_PERSON:
        raise ForwardRetry(f"{message}: {_MENDED_BY_A_PERSON[HTTPStatus(status)]}", LONG_WAIT)
    if status in _RETRIED:
        wait = THROTTLE_WAIT if status == HTTPStatus.TOO_MANY_REQUESTS else None
        raise ForwardRetry(message, wait if answer.retry_after is None else answer.retry_after)
    if status == HTTPStatus.BAD_REQUEST and answer.is_protobuf:
        raise ForwardRejected(message)
    raise ForwardInvalid(message)
