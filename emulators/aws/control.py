"""The `/_local` pages: calls, faults, what the seed holds."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from emulators.aws.errors import Reply
from emulators.aws.faults import Faults
from emulators.aws.request import Environ
from emulators.core.calls import Call, CallLog, as_json

Handler = Callable[[dict[str, str], bytes], Any]


class ControlPages:
    """Every page is JSON. An unknown page is a 404 that lists those there are; a bad body a 400 that says why."""

    def __init__(self, calls: CallLog[Call], faults: Faults) -> None:
        self._calls = calls
        self._faults = faults
        self._pages: dict[tuple[str, str], Handler] = {
            ("GET", "calls"): self._get_calls,
            ("DELETE", "calls"): self._delete_calls,
            ("GET", "faults"): lambda _query, _body: faults.state(),
            ("POST", "faults"): self._post_faults,
            ("DELETE", "faults"): self._delete_faults,
            ("GET", "health"): lambda _query, _body: {"status": "ok"},
        }

    def add(self, method: str, page: str, handler: Handler) -> None:
        """Serve one more page: `handler(query, body)` gives what is encoded as JSON."""
        self._pages[method, page] = handler

    def handle(self, environ: Environ, body: bytes) -> Reply:
        """Answer a control request."""
        page = environ["PATH_INFO"].removeprefix("/_local/").strip("/")
        handler = self._pages.get((environ["REQUEST_METHOD"], page))
        if handler is None:
            known = sorted(f"{method} /_local/{name}" for method, name in self._pages)
            return _json(404, {"error": "no such page", "pages": known})
        try:
            return _json(200, handler(dict(parse_qsl(environ.get("QUERY_STRING", ""))), body))
        except ValueError as refused:
            return _json(400, {"error": str(refused)})

    def _get_calls(self, query: dict[str, str], _body: bytes) -> dict[str, Any]:
        summary = self._calls.summary()
        if query.get("records"):
            summary["records"] = as_json(self._calls.records())
        return summary

    def _delete_calls(self, _query: dict[str, str], _body: bytes) -> dict[str, Any]:
        self._calls.reset()
        return {}

    def _post_faults(self, _query: dict[str, str], body: bytes) -> list[dict[str, Any]]:
        self._faults.add_json(body)
        return self._faults.state()

    def _delete_faults(self, _query: dict[str, str], _body: bytes) -> dict[str, Any]:
        self._faults.clear()
        return {}


def _json(status: int, payload: Any) -> Reply:
    return Reply(status, msgspec.json.encode(payload), "application/json")
