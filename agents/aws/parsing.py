"""Lets botocore read an answer with a fault in it: the fault costs the field that it is in, not the whole listing.

botocore parses an answer whole, and fails whole: one time that is none loses a page of a thousand instances. Here what
cannot be parsed is UNREADABLE: not nothing, since it is there, and a fault to whoever reads the item. A refusal in
another form than AWS's (a proxy's page) keeps its status, by which it is understood.

A time is read here, in UTC: botocore takes a hundred times as long for each, and answers of CloudWatch consist of them.
"""

from __future__ import annotations

import http.client
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from typing import Any


class _Unreadable:
    """Neither a text nor a number, nor anything else that a field should be; and not nothing either."""

    def __repr__(self) -> str:
        return "(not readable)"


UNREADABLE = _Unreadable()
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{3})?Z", re.ASCII)
"""A time as AWS writes it where it does not write seconds since 1970."""
_ERROR = 301
"""From this status on botocore takes an answer for an error."""


def read_leniently(session: Any) -> None:
    """Let the clients of a botocore session read so."""
    from botocore.parsers import (  # noqa: PLC0415 - an SDK is loaded where it is used
        PROTOCOL_PARSERS,
        ResponseParserFactory,
    )

    class Factory(ResponseParserFactory):  # type: ignore[misc]  # botocore ships no types
        def create_parser(self, protocol_name: str) -> Any:
            return _lenient(PROTOCOL_PARSERS[protocol_name])(**self._defaults)

    factory = Factory()
    factory.set_parser_defaults(timestamp_parser=instant)
    session.register_component("response_parser_factory", factory)


def instant(value: Any) -> datetime:
    """A time of an answer, as `botocore.utils.parse_timestamp` understands it; its errors for what is none."""
    with suppress(ValueError, OverflowError, OSError):
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value, UTC)
        if isinstance(value, str) and _INSTANT.fullmatch(value):
            return datetime.fromisoformat(value)
    from botocore.utils import parse_timestamp  # noqa: PLC0415 - an SDK is loaded where it is used

    other: datetime = parse_timestamp(value)
    return other


@cache
def _lenient(parser: type[Any]) -> type[Any]:
    return type(f"Lenient{parser.__name__}", (_Lenient, parser), {})


class _Lenient:
    """Before a parser of botocore's in the order of resolution."""

    def parse(self, response: Any, shape: Any) -> Any:
        try:
            parsed = super().parse(response, shape)  # type: ignore[misc]
        except Exception:  # noqa: BLE001 - whatever the fault of the answer is
            parsed = None
        return parsed if isinstance(parsed, dict) else _unreadable(response)

    def _parse_shape(self, shape: Any, node: Any) -> Any:
        # Botocore takes an element with others in it for an empty text; it is something that is no text.
        if shape.type_name == "string" and hasattr(node, "tag") and len(node):
            return {}
        try:
            return super()._parse_shape(shape, node)  # type: ignore[misc]
        except Exception:  # noqa: BLE001 - whatever the fault of the field is
            return UNREADABLE

    def _handle_list(self, shape: Any, node: Any) -> Any:
        """Botocore takes a list of nothing from whatever has no items; what is no list is none."""
        text = getattr(node, "text", None)
        if isinstance(node, Mapping | str) or (
            isinstance(text, str) and text.strip() and not len(node) and not shape.serialization.get("flattened")
        ):
            raise TypeError(type(node).__name__)
        return super()._handle_list(shape, node)  # type: ignore[misc]

    def _handle_boolean(self, shape: Any, node: Any) -> bool | _Unreadable:
        """Botocore takes whatever is not ``true`` for false; a word that is neither is neither."""
        del shape
        value = getattr(node, "text", node)
        return value if isinstance(value, bool) else {"true": True, "false": False}.get(str(value), UNREADABLE)


def _unreadable(response: Any) -> dict[str, Any]:
    """What a status alone tells: an error, or an answer without a field, which no reader takes for an empty listing."""
    status = response["status_code"]
    headers = {str(name).lower(): value for name, value in response["headers"].items()}
    answer: dict[str, Any] = {"ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": headers}}
    if status >= _ERROR:
        answer["Error"] = {"Code": str(status), "Message": http.client.responses.get(status, "")}
    return answer
