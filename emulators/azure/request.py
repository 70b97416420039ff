"""What one request to the local Azure asks for."""

import re
import uuid
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from emulators.azure.errors import bad_request
from emulators.core.http import Environ, read_body

_SUBSCRIPTION = re.compile(r"/subscriptions/([^/]+)", re.IGNORECASE)
_GROUP = re.compile(r"/resourcegroups/([^/]+)", re.IGNORECASE)


@dataclass
class AzureRequest:
    """A request, read as far as its operation.

    Shapes: `query` has lower-case names; `parts` are the named groups of the operation's path; `claims` those of the
    verified token, empty where the operation needs none. `scopes` are the ids of what the request is about, by which
    it is allowed or denied: an operation that learns them from the body adds them.
    """

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    host: str
    api: str = ""
    action: str = ""
    parts: dict[str, str] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)
    region: str = ""
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def subscription(self) -> str:
        """The subscription in the path, in lower case; empty where there is none."""
        found = _SUBSCRIPTION.search(self.path)
        return found[1].lower() if found else ""

    @property
    def resource_group(self) -> str:
        """The resource group in the path, in lower case; empty where there is none."""
        found = _GROUP.search(self.path)
        return found[1].lower() if found else ""

    @property
    def scope(self) -> str:
        """The scope in the path: what is before its last `/providers/`."""
        scope = self.parts.get("scope")
        if scope is not None:
            return scope.rstrip("/")
        return f"/subscriptions/{self.subscription}" if self.subscription else "/"

    @property
    def tenant(self) -> str:
        """The tenant of the token, or the one in the token endpoint's path."""
        return str(self.claims.get("tid") or self.parts.get("tenant", "")).lower()

    @property
    def principal(self) -> str:
        """The object id of the caller."""
        return str(self.claims.get("oid", ""))

    @property
    def base(self) -> str:
        """The address that the caller used."""
        return f"https://{self.host}"

    @cached_property
    def json(self) -> dict[str, Any]:
        """The body.

        Raises:
            AzureError: it is not a JSON object.
        """
        try:
            decoded = msgspec.json.decode(self.body)
        except msgspec.DecodeError:
            decoded = None
        if not isinstance(decoded, dict):
            text = "The request content was invalid and could not be deserialized: it is not a JSON object."
            raise bad_request(text, "InvalidRequestContent")
        return decoded

    @property
    def further_page(self) -> bool:
        """Whether it asks for a page after the first."""
        if any(self.query.get(name) for name in ("$skiptoken", "$skip")):
            return True
        if self.method != "POST" or b"skiptoken" not in self.body.lower():
            return False
        options = self.json.get("options")
        return isinstance(options, dict) and bool(options.get("$skipToken"))


def read(environ: Environ) -> AzureRequest:
    """Take a request, with its body, from WSGI."""
    headers = {name[5:].replace("_", "-").lower(): value for name, value in environ.items() if name.startswith("HTTP_")}
    query = parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    return AzureRequest(
        method=environ["REQUEST_METHOD"],
        # A scope that begins with a slash makes two of them, which Azure takes for one.
        path=re.sub("^/+", "/", environ.get("PATH_INFO", "/").encode("latin-1").decode("utf-8", "replace")),
        query={name.lower(): value for name, value in query},
        headers=headers,
        body=read_body(environ),
        host=environ.get("HTTP_HOST", ""),
    )
