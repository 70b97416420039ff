"""What the record of a request to Google Cloud has."""

from dataclasses import dataclass

from emulators.core import calls


@dataclass(frozen=True, slots=True)
class Call:
    """One request as the server saw it.

    `api` is `service:Method`; `code` the google.rpc.Code by name; `caller` is the service account's address, or empty;
    `quota_project` is what `x-goog-user-project` said.
    """

    at: float
    api: str
    project: str
    outcome: str
    code: str
    caller: str
    quota_project: str


class CallLog(calls.CallLog[Call]):
    """Every call, counted by its project."""

    def __init__(self) -> None:
        super().__init__("project")

    def peak_rates(self, seconds: float = 1.0) -> dict[tuple[str, str], float]:
        """(project, api) -> the most calls per second in any window of `seconds`."""
        return calls.peak_rates(self.records(), lambda call: (call.project, call.api), seconds)
