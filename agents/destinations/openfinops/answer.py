"""What OpenFinOps answered, and which error of ours that is."""

from __future__ import annotations

from http import HTTPStatus
from typing import NoReturn

import httpx

from agents.core.http import answer as http
from telemetry.errors import ForwardInvalid, ForwardRefused, ForwardRetry

LONG_WAIT = http.LONG_WAIT
THROTTLE_WAIT = http.THROTTLE_WAIT
_MENDED_BY_A_PERSON = {
    HTTPStatus.UNAUTHORIZED: "the key is missing or not valid: set openfinops.api_key",
    HTTPStatus.FORBIDDEN: "the key has no right to this: let it, or set another openfinops.api_key",
    HTTPStatus.NOT_FOUND: "",
    HTTPStatus.METHOD_NOT_ALLOWED: "",
}
_RETRIED = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}


class Answer(http.Answer, frozen=True):
    """An answer of OpenFinOps's, or of whoever is at its address."""

    @property
    def taken(self) -> bool:
        """Whether the server says, in its own form, that it took what was sent."""
        if not self.is_success:
            return False
        fields = self.fields
        return bool(fields) and "error" not in fields

    @property
    def of_openfinops(self) -> bool:
        """Whether a refusal has the form of OpenFinOps's own: ``{"error": "..."}``."""
        fields = self.fields
        return fields.keys() == {"error"} and isinstance(fields["error"], str)


read_answer = Answer.read


def refuse(request: str, answer: Answer, hint: str) -> NoReturn:
    """Raise the error that a request's answer, which does not take it, stands for; ``hint`` says more to a person."""
    status = answer.status
    message = f"{request}: {answer.phrase}"
    if httpx.codes.is_redirect(status):
        problem = f"it leads to {answer.location!r}, which is not followed: write that as openfinops.endpoint"
        raise ForwardRetry(f"{message}: {problem}", LONG_WAIT)
    if answer.text:
        message += f": {answer.text}"
    if status in _MENDED_BY_A_PERSON:
        remedy = hint or _MENDED_BY_A_PERSON[HTTPStatus(status)]
        raise ForwardRetry(f"{message}: {remedy}", LONG_WAIT)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        raise ForwardRetry(message, THROTTLE_WAIT if answer.retry_after is None else answer.retry_after)
    if httpx.codes.is_client_error(status) and status not in _RETRIED:
        raise ForwardInvalid(message) if answer.of_openfinops else ForwardRefused(message)
    if httpx.codes.is_success(status):
        problem = "that is not how OpenFinOps confirms: another program answers at this address"
        raise ForwardRetry(f"{message}: {problem}", LONG_WAIT)
    raise ForwardRetry(message, answer.retry_after)
