"""The `/_local` pages: calls, faults, what the seed holds. They need no token."""

from collections.abc import Callable
from typing import Any

from emulators.azure.errors import Reply, json_reply
from emulators.azure.faults import Faults
from emulators.azure.request import AzureRequest
from emulators.core.calls import Call, CallLog, as_json

Handler = Callable[[dict[str, str], bytes], Any]


class ControlPages:
    """Every page is JSON. An unknown page is a 404 that lists those there are; a bad body a 400 that says why."""

    def __init__(self, calls: CallLog[Call], faults: Faults) -> None:
        self._calls = calls
        self._faults = faults
        self._pages: dict[tuple[str, str], Handler] = {
            ("GET", "calls"): self._get_calls,
            ("DELETE", "calls"): lambda _query, _body: self._calls.reset(),
            ("GET", "faults"): lambda _query, _body: faults.state(),
            ("POST", "faults"): self._post_faults,
            ("DELETE", "faults"): lambda _query, _body: self._faults.clear(),
            ("GET", "health"): lambda _query, _body: {"status": "ok"},
        }

    def add(self, method: str, page: str, handler: Handler) -> None:
        """Serve one more page: `handler(query, body)` gives what is encoded as JSON."""
        self._pages[method, page] = handler

    def handle(self, request: AzureRequest) -> Reply:
        """Answer a control request."""
        page = request.path.removeprefix("/_local/").strip("/")
        handler = self._pages.get((request.method, page))
        if handler is None:
            known = sorted(f"{method} /_local/{name}" for method, name in self._pages)
            return json_reply({"error": "no such page", "pages": known}, 404)
        try:
            return json_reply(handler(request.query, request.body))
        except ValueError as refused:
            return json_reply({"error": str(refused)}, 400)

    def _get_calls(self, query: dict[str, str], _body: bytes) -> dict[str, Any]:
        summary = self._calls.summary()
        if query.get("records"):
            summary["records"] = as_json(self._calls.records())
        return summary

    def _post_faults(self, _query: dict[str, str], body: bytes) -> list[dict[str, Any]]:
        self._faults.add_json(body)
        return self._faults.state()
