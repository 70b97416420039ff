"""One HTTP answer, before it is on the wire."""

from dataclasses import dataclass, field

import msgspec


@dataclass
class Reply:
    """One HTTP answer."""

    status: int
    body: bytes
    content_type: str
    headers: dict[str, str] = field(default_factory=dict)


def plain_json(payload: object, status: int = 200) -> Reply:
    """An answer in JSON that no cloud has a form of its own for."""
    return Reply(status, msgspec.json.encode(payload), "application/json")
