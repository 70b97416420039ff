"""The `/_local` pages: calls, faults, deleted projects, what the seed holds."""

from collections.abc import Callable
from typing import Any

import msgspec

from emulators.gcp.calls import CallLog
from emulators.gcp.faults import Faults
from emulators.gcp.projects import Projects

Page = Callable[[dict[str, str], bytes], Any]
_PREFIX = "/_local/"


class ControlPages:
    """Every page is JSON. An unknown page is a 404 that lists those there are; a bad body a 400 that says why."""

    def __init__(self, calls: CallLog, faults: Faults, projects: Projects) -> None:
        self._calls = calls
        self._faults = faults
        self._projects = projects
        self._pages: dict[tuple[str, str], Page] = {
            ("GET", "calls"): lambda _query, _body: self._summary(),
            ("DELETE", "calls"): self._delete_calls,
            ("GET", "faults"): lambda _query, _body: faults.state(),
            ("POST", "faults"): self._post_faults,
            ("DELETE", "faults"): self._delete_faults,
            ("DELETE", "project"): self._delete_project,
            ("GET", "health"): lambda _query, _body: {"status": "ok"},
        }

    def add(self, method: str, page: str, handler: Page) -> None:
        """Serve one more page: `handler(query, body)` gives what is encoded as JSON."""
        self._pages[method, page] = handler

    def __call__(self, request: Any) -> Any:
        """Answer a control request (a werkzeug Request) with a Response; None where it is none."""
        if not request.path.startswith(_PREFIX):
            return None
        page = request.path.removeprefix(_PREFIX).strip("/")
        handler = self._pages.get((request.method, page))
        if handler is None:
            known = sorted(f"{method} {_PREFIX}{name}" for method, name in self._pages)
            return _json({"error": "no such page", "pages": known}, 404)
        try:
            return _json(handler(request.args.to_dict(), request.get_data()), 200)
        except ValueError as refused:
            return _json({"error": str(refused)}, 400)

    def _summary(self) -> dict[str, Any]:
        calls = self._calls.counts()
        return {
            "total": sum(calls.values()),
            "calls": calls,
            "by_project": {name: self._calls.counts(project=name) for name in self._projects.known()},
            "throttled": self._calls.counts(outcome="throttle"),
            "errors": self._calls.counts(outcome="error"),
        }

    def _delete_calls(self, _query: dict[str, str], _body: bytes) -> dict[str, Any]:
        self._calls.reset()
        return {}

    def _post_faults(self, _query: dict[str, str], body: bytes) -> list[dict[str, Any]]:
        self._faults.add_json(body)
        return self._faults.state()

    def _delete_faults(self, _query: dict[str, str], _body: bytes) -> dict[str, Any]:
        self._faults.clear()
        return {}

    def _delete_project(self, query: dict[str, str], _body: bytes) -> dict[str, Any]:
        if query.get("id") not in self._projects.known():
            raise ValueError(f"id is {query.get('id')!r}: one of {', '.join(self._projects.known())} is needed")
        self._projects.delete(query["id"])
        return {}


def _json(payload: Any, status: int) -> Any:
    from werkzeug.wrappers import Response  # noqa: PLC0415  # loaded when a server runs

    return Response(msgspec.json.encode(payload), status, content_type="application/json")
