"""The projects there are: their ids, numbers, and whether they were deleted."""

import hashlib
import threading

from emulators.gcp.errors import GoogleError


class Projects:
    """Known projects. Putting data into one makes it known; calls to any other are refused as Google refuses them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ids: dict[str, str] = {}
        self._deleted: set[str] = set()

    def add(self, project: str) -> str:
        """Make a project known; gives its number."""
        number = project_number(project)
        with self._lock:
            self._ids[number] = project
        return number

    def delete(self, project: str) -> None:
        """Shut a project down: its calls are refused from then on."""
        with self._lock:
            self._deleted.add(project)

    def restore(self, project: str) -> None:
        """Undo `delete`."""
        with self._lock:
            self._deleted.discard(project)

    def known(self) -> list[str]:
        """The ids, in the order in which they were added."""
        with self._lock:
            return list(self._ids.values())

    def id_of(self, name: str) -> str:
        """The id of `projects/ID`, `projects/NUMBER`, an id or a number; an unknown one as it came."""
        bare = name.removeprefix("projects/").split("/", 1)[0]
        with self._lock:
            return self._ids.get(bare, bare)

    def check(self, project: str, service: str) -> None:
        """Refuse a project that is deleted or unknown.

        Raises:
            GoogleError: PERMISSION_DENIED with reason CONSUMER_INVALID.
        """
        with self._lock:
            deleted, known = project in self._deleted, project in self._ids.values()
        if known and not deleted:
            return
        consumer = f"projects/{project_number(project)}" if known else f"projects/{project}"
        message = (
            f"Project #{project_number(project)} has been deleted."
            if deleted
            else f"Permission denied on resource project {project}."
        )
        raise GoogleError(
            "PERMISSION_DENIED",
            message,
            reason="CONSUMER_INVALID",
            metadata={"consumer": consumer, "service": f"{service}.googleapis.com"},
            rest_reason="forbidden",
        )


def project_number(project: str) -> str:
    """The number that a project has here: the same for the same id, always."""
    return str(100_000_000_000 + int.from_bytes(hashlib.sha256(project.encode()).digest()[:4]))
