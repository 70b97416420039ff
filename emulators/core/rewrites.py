"""What becomes of an answer on its way out: for tests that want one that no service of ours would give."""

import json
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree as ET

Rewrite = Callable[[Any], Any]


class Rewrites(dict[str, Rewrite]):
    """By API, what becomes of what it answers: `cloud.rewrites["resourcegraph:resources"] = change`.

    `change` is given what the answer holds, and gives what is sent: JSON as it is decoded, the root element of XML, a
    message of gRPC. `every` is asked, with the API's name, about each API that has no entry of its own.
    """

    every: Callable[[str, Any], Any] | None = None

    def clear(self) -> None:
        """Let everything go out as it is."""
        super().clear()
        self.every = None

    def content(self, api: str, content: Any) -> Any:
        """What is sent in the place of what an answer holds."""
        if (change := self.get(api)) is not None:
            return change(content)
        return content if self.every is None else self.every(api, content)

    def body(self, api: str, body: bytes) -> bytes:
        """The same for a body of JSON or XML; one without anything in it stays so."""
        if not body or not (api in self or self.every):
            return body
        if body.lstrip().startswith(b"<"):
            sent: bytes = ET.tostring(self.content(api, ET.fromstring(body)))  # noqa: S314  # it is our own
            return sent
        return json.dumps(self.content(api, json.loads(body))).encode()
