"""The `/_local` pages: calls, faults, and what a cloud adds, such as what its seed holds. They need no credentials."""

from collections.abc import Callable
from typing import Any

from emulators.core.calls import CallLog, as_json
from emulators.core.faults import Faults
from emulators.core.reply import Reply, plain_json

PREFIX = "/_local/"

Page = Callable[[dict[str, str], bytes], Any]


class ControlPages:
    """Every page is JSON. An unknown page is a 404 that lists those there are; a bad body a 400 that says why."""

    def __init__(self, calls: CallLog[Any], faults: Faults[Any, Any, Any]) -> None:
        self._calls = calls
        self._faults = faults
        self._pages: dict[tuple[str, str], Page] = {
            ("GET", "calls"): self._get_calls,
            ("DELETE", "calls"): lambda _query, _body: calls.reset(),
            ("GET", "faults"): lambda _query, _body: faults.state(),
            ("POST", "faults"): self._post_faults,
            ("DELETE", "faults"): lambda _query, _body: faults.clear(),
            ("GET", "health"): lambda _query, _body: {"status": "ok"},
        }

    def add(self, method: str, page: str, handler: Page) -> None:
        """Serve one more page: `handler(query, body)` gives what is encoded as JSON; None is an empty object."""
        self._pages[method, page] = handler

    def handle(self, method: str, path: str, query: dict[str, str], body: bytes) -> Reply:
        """Answer a control request."""
        page = self._pages.get((method, path.removeprefix(PREFIX).strip("/")))
        if page is None:
            known = sorted(f"{method} {PREFIX}{name}" for method, name in self._pages)
            return plain_json({"error": "no such page", "pages": known}, 404)
        try:
            told = page(query, body)
        except ValueError as refused:
            return plain_json({"error": str(refused)}, 400)
        return plain_json({} if told is None else told)

    def _get_calls(self, query: dict[str, str], _body: bytes) -> dict[str, Any]:
        summary = self._calls.summary()
        if query.get("records"):
            summary["records"] = as_json(self._calls.records())
        return summary

    def _post_faults(self, _query: dict[str, str], body: bytes) -> list[dict[str, Any]]:
        self._faults.add_json(body)
        return self._faults.state()
