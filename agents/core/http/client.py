"""A client of one server: each request is over in time, and ends in an answer or in ForwardRetry, never otherwise."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from typing import Generic, TypeVar
from urllib.parse import urlsplit

import httpx

from agents.core.http.answer import Answer, one_line
from agents.core.http.wire import Wire
from telemetry.errors import ConfigError, ForwardRetry
from telemetry.settings.fields import is_loopback

A = TypeVar("A", bound=Answer)

_CONNECT_TIMEOUT = 5.0


class HttpClient(Generic[A]):
    """Asks one server. Safe to share between threads; close it when done."""

    def __init__(
        self,
        base: str,
        answers: type[A],
        *,
        section: str,
        headers: Mapping[str, str],
        timeout: float,
        ca_file: str | None = None,
        on_lost: Callable[[], None] = lambda: None,
    ) -> None:
        """Reach nothing yet; ConfigError where the certificates cannot be read.

        Args:
            base: an address of the server: the environment's proxies are not handed what is for this machine.
            answers: what an answer is read into.
            section: of the configuration, for errors: ``openfinops``, ``destinations.finance``.
            headers: of every request.
            timeout: seconds for a request and its answer, beside those for the connection.
            ca_file: certificates (PEM) to trust instead of the usual ones.
            on_lost: called when a connection was lost: whoever answers next may be another server.
        """
        connecting = min(timeout, _CONNECT_TIMEOUT)
        self.timeout = timeout
        self._answers = answers
        self._on_lost = on_lost
        self._within = connecting + timeout
        self._wire = Wire(
            {"User-Agent": "finfleet", "Accept-Encoding": "identity", **headers},
            httpx.Timeout(timeout, connect=connecting),
            _certificates(ca_file, section),
            trust_env=not is_loopback(urlsplit(base).hostname or ""),
        )

    def ask(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str], shown: str = "") -> A:
        """What the server answers; ForwardRetry where it does not. ``shown`` stands for the address in errors."""
        line = None
        try:
            with (
                self._wire.line(self._within) as line,
                line.client.stream(
                    method, url, content=body, headers=dict(headers), extensions={"trace": line.trace}
                ) as response,
            ):
                return self._answers.read(response, self.timeout)
        except httpx.TimeoutException as error:
            fault = f"no answer in time ({type(error).__name__}, {self.timeout:g} s)"
        except httpx.HTTPError as error:
            fault = one_line(str(error)) or type(error).__name__
        except Exception as error:  # noqa: BLE001 - whatever an answer makes of a library
            fault = f"the answer cannot be read ({type(error).__name__})"
        if line is not None and line.late:
            fault = f"no answer in time ({self._within:g} s with the connection)"
        elif not fault.startswith("no answer in time"):
            self._on_lost()
        # Outside of the except blocks: the driver's error holds the request, and so the key.
        raise ForwardRetry(f"{method} {shown or url}: {fault}")

    def abort(self) -> None:
        """End the requests that are under way, from another thread: they raise ForwardRetry at once."""
        self._wire.abort()

    def close(self) -> None:
        """Close the connections."""
        self._wire.close()


def _certificates(ca_file: str | None, section: str) -> ssl.SSLContext:
    if ca_file is None:
        return httpx.create_ssl_context()  # knows SSL_CERT_FILE and SSL_CERT_DIR
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # an SSLError is one
        problem = f"ca_file: {ca_file!r} cannot be read ({error}): name a file of certificates in PEM form"
        raise ConfigError(section, (problem,)) from None
