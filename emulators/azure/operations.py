"""What the local Azure serves: one entry for each operation, by which a request is routed and judged."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from emulators.azure.errors import AzureError, bad_request
from emulators.azure.request import AzureRequest
from emulators.core.reply import Reply


def path(pattern: str) -> re.Pattern[str]:
    """A pattern of a whole path; Azure does not tell cases apart in one."""
    return re.compile(pattern, re.IGNORECASE)


@dataclass(frozen=True)
class Operation:
    """One operation.

    `api` is its name in the counts; `path` matches a whole path; `service` says whose tokens it takes (none: it takes
    anyone); `versions` are its API versions, none where it has no such parameter; `action` is the permission that it
    needs; `counted` ones take from the Resource Manager's bucket of reads.
    """

    api: str
    method: str
    path: re.Pattern[str]
    handle: Callable[[AzureRequest], Reply]
    service: str | None = None
    versions: frozenset[str] = frozenset()
    action: str = ""
    counted: bool = False

    def check_version(self, request: AzureRequest) -> None:
        """Refuse a request without an API version, or with one that this operation does not have."""
        if not self.versions:
            return
        version = request.query.get("api-version")
        if not version:
            text = "The api-version query parameter (?api-version=) is required for all requests."
            raise bad_request(text, "MissingApiVersionParameter")
        if version in self.versions:
            return
        known = ",".join(sorted(self.versions))
        text = f"The api-version '{version}' is invalid. The supported versions are '{known}'."
        raise bad_request(text, "InvalidApiVersionParameter")


class Operations:
    """All operations, looked up by method and path."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self._operations = tuple(operations)

    def find(self, request: AzureRequest) -> Operation:
        """The operation that serves the request, whose `parts` and `api` are then filled in.

        Raises:
            AzureError: there is none.
        """
        allowed = False
        for operation in self._operations:
            found = operation.path.fullmatch(request.path)
            if found is None:
                continue
            if operation.method != request.method:
                allowed = True
                continue
            request.parts = {name: value for name, value in found.groupdict().items() if value is not None}
            request.api, request.action = operation.api, operation.action
            return operation
        if allowed:
            raise AzureError(405, "HttpMethodNotSupported", f"The method {request.method} is not supported here.")
        raise AzureError(404, "NotFound", f"The local Azure does not serve {request.method} {request.path}.")
