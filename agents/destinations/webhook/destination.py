"""An address of yours that takes signed JSON.

What an answer means (Standard Webhooks: a 2xx is success, whatever its body says)::

    2xx                           taken
    429, 503 with Retry-After     ForwardRetry after that time (an hour at the most)
    3xx, 401, 403, 404, 405, 410  ForwardRetry after LONG_WAIT: a person can mend the address or the secret
    5xx, 408, 425, no answer      ForwardRetry
    any other 4xx (400, 413, 422) ForwardRefused: dead where others are taken
"""

from __future__ import annotations

import time
from collections.abc import Callable
from http import HTTPStatus
from typing import NoReturn
from urllib.parse import urlsplit

import httpx

from agents.core.destination import Destination, section_name, shaping
from agents.core.http.answer import LONG_WAIT, THROTTLE_WAIT, Answer
from agents.core.http.client import HttpClient
from agents.destinations.webhook.message import encode
from agents.destinations.webhook.settings import WebhookSettings
from agents.destinations.webhook.signature import key_of, signed
from telemetry.batch import Batch
from telemetry.errors import ForwardRefused, ForwardRetry

_MENDED_BY_A_PERSON = {
    HTTPStatus.UNAUTHORIZED: "it does not take the signature: compare the secrets",
    HTTPStatus.FORBIDDEN: "it does not take the signature: compare the secrets",
    HTTPStatus.NOT_FOUND: "nothing takes webhooks at this path: correct url",
    HTTPStatus.METHOD_NOT_ALLOWED: "nothing takes webhooks at this path: correct url",
    HTTPStatus.GONE: "it wants no more of them: remove the destination, or correct url",
}
_RETRIED = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY}


class Webhook(Destination):
    """One address."""

    def __init__(self, name: str, settings: WebhookSettings, now: Callable[[], float] = time.time) -> None:
        """Reach nothing yet; ConfigError where a secret is none."""
        section = section_name(name, short_form=False)
        parts = urlsplit(settings.url)
        # Without its path, which may be all that keeps strangers out.
        self._shown = f"{parts.scheme}://{parts.netloc}"
        self.label = f"the webhook at {self._shown}"
        self._url = settings.url
        self._now = now
        self._keys = [key_of(settings.secret, section, "secret")]
        if settings.previous_secret is not None:
            self._keys.append(key_of(settings.previous_secret, section, "previous_secret"))
        timeout = settings.timeout.total_seconds()
        self.longest = 2 * timeout
        self._http = HttpClient(
            settings.url,
            Answer,
            section=section,
            headers={"Content-Type": "application/json"},
            timeout=timeout,
            ca_file=settings.ca_file,
        )

    def send(self, batch: Batch) -> str:
        """Post the batch under its own id, the same whenever it is sent; the time and so the signature are new."""
        with shaping(batch, self.label):
            body = encode(batch)
        headers = signed(self._keys, str(batch.batch_id), int(self._now()), body)
        answer = self._http.ask("POST", self._url, body, headers, self._shown)
        if not answer.is_success:
            _refuse(f"POST {self._shown}", answer)
        return ""

    def abort(self) -> None:
        """End the requests that are under way."""
        self._http.abort()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()


def _refuse(request: str, answer: Answer) -> NoReturn:
    status = answer.status
    message = f"{request}: {answer.phrase}"
    if httpx.codes.is_redirect(status):
        raise ForwardRetry(f"{message}: it leads elsewhere, which is not followed: correct url", LONG_WAIT)
    if answer.text:
        message += f": {answer.text}"
    if status in _MENDED_BY_A_PERSON:
        raise ForwardRetry(f"{message}: {_MENDED_BY_A_PERSON[HTTPStatus(status)]}", LONG_WAIT)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        raise ForwardRetry(message, THROTTLE_WAIT if answer.retry_after is None else answer.retry_after)
    if httpx.codes.is_client_error(status) and status not in _RETRIED:
        raise ForwardRefused(message)
    raise ForwardRetry(message, answer.retry_after)
