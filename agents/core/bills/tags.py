"""Tags in JSON, in the forms that bills have them."""

from __future__ import annotations

import json
from typing import Any


def parse_tags(text: str) -> tuple[dict[str, str], str]:
    """The tags, and the text itself where it is none of the known forms.

    ``{"a": "b"}``; ``"a": "b"`` without braces (Azure); ``[{"key": "a", "value": "b"}]`` (Google).
    """
    for attempt in (text, "{" + text + "}"):
        try:
            found = json.loads(attempt)
        except (ValueError, RecursionError):
            continue
        tags = _tags_of(found)
        if tags is not None:
            return tags, ""
    return {}, text


def _tags_of(found: Any) -> dict[str, str] | None:
    if found is None:
        return {}
    if isinstance(found, list) and all(isinstance(one, dict) and "key" in one for one in found):
        found = {str(one["key"]): one.get("value") for one in found}
    if not isinstance(found, dict):
        return None
    return {key: _text_of(value) for key, value in found.items() if value is not None}


def _text_of(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)
