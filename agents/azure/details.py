"""What an error of azure-core holds: Azure's answer, read from the several shapes in which its services write one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_MAX_DEPTH, _MAX_PARTS, _MAX_TEXT = 8, 20, 4000
"""Of one answer's errors, so many are read."""


@dataclass(frozen=True)
class Details:
    """A refusal."""

    #: HTTP status; 0 where there was no answer.
    status: int
    #: Azure's word for it: ``AuthorizationFailed``. With those of its details, by spaces.
    codes: tuple[str, ...]
    message: str
    #: By names in lower case.
    headers: Mapping[str, str]

    @property
    def code(self) -> str:
        """The first of the codes."""
        return self.codes[0] if self.codes else str(self.status)

    @classmethod
    def of(cls, error: Any, answer: Any = None) -> Details:
        """Those of an HttpResponseError; of any other error, by the ``answer`` that it was raised over."""
        response = getattr(error, "response", None)
        response = answer if response is None else response
        if response is None:
            return cls(0, (), _first_line(error), {})
        headers = {name.lower(): value for name, value in response.headers.items()}
        codes: list[str] = []
        messages: list[str] = []
        _gather(_body(response), codes, messages)
        return cls(int(response.status_code), tuple(codes), ": ".join(messages) or _first_line(error), headers)


def _body(response: Any) -> Any:
    try:
        body = json.loads(response.text())
    except Exception:  # noqa: BLE001 - whatever it is, it is no JSON to read
        return {}
    if not isinstance(body, dict):
        return {}
    return body.get("error", body.get("Error", {}))


def _gather(error: Any, codes: list[str], messages: list[str], depth: int = 0) -> None:
    """Codes and messages from the outside to the inside, a few of them; the inner ones often say more."""
    if not isinstance(error, dict) or depth >= _MAX_DEPTH or len(messages) >= _MAX_PARTS:
        return
    parts = {str(name).lower(): value for name, value in error.items()}
    for name, found in (("code", codes), ("message", messages)):
        given = parts.get(name)
        text = given.strip()[:_MAX_TEXT] if isinstance(given, str) else str(given) if isinstance(given, int) else ""
        if text and text not in found:
            found.append(text)
    details = parts.get("details")
    for one in details[:_MAX_PARTS] if isinstance(details, list) else ():
        _gather(one, codes, messages, depth + 1)
    _gather(parts.get("innererror"), codes, messages, depth + 1)


def _first_line(error: Any) -> str:
    lines = str(getattr(error, "message", "") or error).splitlines()
    kind = type(error).__name__
    if not lines:
        return kind
    return lines[0][:_MAX_TEXT] if hasattr(error, "message") else f"{kind}: {lines[0][:_MAX_TEXT]}"
