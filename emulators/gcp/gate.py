"""What every call passes, over gRPC and REST alike: credentials, faults, the project; and the record of it."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from emulators.core.rewrites import Rewrites
from emulators.gcp.calls import Call, CallLog
from emulators.gcp.errors import GoogleError, no_credentials
from emulators.gcp.fault_errors import Request
from emulators.gcp.faults import Faults
from emulators.gcp.identity import Identities
from emulators.gcp.projects import Projects


@dataclass
class Visit:
    """One call on its way: `project` as the request names it, `authorization` the header."""

    at: float
    api: str
    project: str
    permission: str
    authorization: str = ""
    quota_project: str = ""
    page_token: str = ""
    caller: str = ""
    fault: str | None = None


class Gate:
    """Lets calls in or refuses them. `require_credentials`: whether a call without any is refused."""

    def __init__(
        self, log: CallLog, faults: Faults, projects: Projects, identities: Identities, rewrites: Rewrites
    ) -> None:
        self._log = log
        self._faults = faults
        self._projects = projects
        self._identities = identities
        self.rewrites = rewrites
        self.require_credentials = False
        self.wait: Callable[[float], None] = time.sleep

    def enter(self, visit: Visit) -> None:
        """Refuse a call, or let it go on.

        Raises:
            GoogleError: UNAUTHENTICATED, PERMISSION_DENIED, or what a fault says.
        """
        service = visit.api.split(":")[0]
        visit.project = self._projects.id_of(visit.project)
        if visit.authorization:
            visit.caller = self._identities.verify(visit.authorization, service)
        elif self.require_credentials:
            raise no_credentials()
        request = Request(visit.api, visit.project, visit.permission, visit.caller, visit.page_token)
        wait, visit.fault, error = self._faults.meet(request)
        if wait:
            self.wait(wait)
        if error is not None:
            raise error
        if visit.project:
            self._projects.check(visit.project, service)

    def leave(self, visit: Visit, outcome: str, code: str) -> None:
        """Put a call on record; a fault's kind is its outcome."""
        self._log.record(
            Call(visit.at, visit.api, visit.project, visit.fault or outcome, code, visit.caller, visit.quota_project)
        )

    def denied(self, visit: Visit, permission: str, project: str) -> bool:
        """Whether the caller lacks one more permission that a call turns out to need, such as on a table."""
        denied = self._faults.denied(Request(visit.api, project, permission, visit.caller))
        visit.fault = "deny" if denied else visit.fault
        return denied

    def token_refusal(self, caller: str) -> GoogleError | None:
        """The refusal of a new token for a service account, where a fault is in force."""
        return self._faults.meet(Request("token:issue", "", "", caller))[2]
