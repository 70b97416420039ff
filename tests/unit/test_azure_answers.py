"""What Azure answers, where it is not what anybody expects: few words, in bounded depth and time."""

import json
import time
from typing import Any

import pytest

from agents.azure.details import Details


class _Response:
    status_code = 400

    def __init__(self, text: str) -> None:
        self.headers: dict[str, str] = {}
        self._text = text

    def text(self) -> str:
        return self._text


class _Error(Exception):
    def __init__(self, body: object) -> None:
        super().__init__()
        self.response = _Response(body if isinstance(body, str) else json.dumps(body))
        self.message = ""


def _nested(name: str, depth: int) -> Any:
    error: Any = {"code": "Innermost"}
    for number in range(depth):
        error = {"code": f"C{number}", "message": f"M{number}", name: [error] if name == "details" else error}
    return error


@pytest.mark.parametrize(
    "body",
    [
        "[" * 100_000,
        "\\xff",
        "5",
        {"error": 5},
        {"error": {"details": 5, "code": ["x"], "message": {"a": "b"}}},
        {"error": {"details": {"a": 1}, "innererror": "x"}},
        {"error": _nested("innererror", 300)},
        {"error": _nested("details", 200)},
        {"error": {"details": [{"code": str(number), "message": str(number)} for number in range(200_000)]}},
        {"error": {"message": "x" * 10_000_000}},
    ],
)
def test_an_odd_refusal_is_read_in_part(body: object) -> None:
    started = time.monotonic()
    details = Details.of(_Error(body))
    assert time.monotonic() - started < 5
    assert details.status == 400
    assert len(details.codes) <= 30
    assert len(details.message) < 100_000
