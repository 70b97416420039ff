"""Every error of finfleet, and what the fleet does with it.

::

    FinfleetError
    ├── ConfigError          the configuration has faults: stops at start-up
    ├── CollectionError      one attempt at a window did not end well
    │   ├── Throttled            the provider asks to wait: tried again after ``retry_after``
    │   ├── Unavailable          network, time-out, 5xx: tried again
    │   │   └── FleetUnavailable     what the fleet shares cannot be asked: no part of the collection is to blame
    │   ├── BudgetReached        a paid API has used its budget of the day: deferred
    │   ├── Denied               a permission is missing: shown, tried again rarely
    │   └── CollectionFailed     anything else: tried again by the ledger, a limited number of times
    │       └── DeadlineReached      the attempt has used up its time
    ├── MessageError         a message cannot be taken in: dead-letter queue
    │   ├── MalformedMessage     not ours, truncated, or not of the form
    │   ├── UnknownSchema        of a version that this release does not read
    │   └── InvalidRecord        readable, but one record in it is impossible
    ├── PublishRefused       the broker did not take a message: the attempt fails, the window is due again
    └── ForwardError         a destination did not take a batch
        ├── ForwardRetry         it may take it later
        └── ForwardRejected      it never will: the entry is dead, and can be replayed
            └── ForwardRefused       a server said so: dead where it takes others
                └── ForwardInvalid       in the form of the destination's own

All arguments are positional and kept in ``args``, so that every error survives pickling
(Celery pickles exceptions between processes).
"""

from __future__ import annotations

from telemetry.text import shown


class FinfleetError(Exception):
    """Something that finfleet can name went wrong."""

    #: Whether only another configuration mends it: a program ends with 78 then, and is not started again by itself.
    misconfigured = False

    @property
    def message(self) -> str:
        """The text for a person."""
        return str(self.args[0]) if self.args else (self.__doc__ or "").strip()

    def __str__(self) -> str:
        return self.message


class ConfigError(FinfleetError):
    """The configuration has faults; all of them are listed."""

    misconfigured = True

    def __init__(self, source: str, problems: tuple[str, ...]) -> None:
        """Name the file (or variable) and every fault in it, a line each."""
        super().__init__(source, problems)

    @property
    def problems(self) -> tuple[str, ...]:
        """One line per fault: path of the key, value (unless secret), what is allowed."""
        return tuple(self.args[1])

    @property
    def message(self) -> str:
        """The source and all faults."""
        count = len(self.problems)
        head = f"{self.args[0]}: {count} fault{'s' if count != 1 else ''} in the configuration"
        return "\n".join([head, *(f"  {shown(line)}" for line in self.problems)])


class CollectionError(FinfleetError):
    """One attempt at a window did not end well."""

    #: The word that the report and the ledger keep for it.
    code = "failed"
    #: Whether the same call may succeed within a minute or so.
    transient = False

    @property
    def retry_after(self) -> float | None:
        """Seconds the provider asked us to wait, if it said so."""
        return None


class Throttled(CollectionError):
    """The provider asks to slow down."""

    code = "throttled"
    transient = True

    def __init__(self, message: str, scope: str, retry_after: float | None = None) -> None:
        """Name the quota scope (``aws/123456789012/us-east-1/ec2``) and the wait in seconds, if it was given."""
        super().__init__(message, scope, retry_after)

    @property
    def scope(self) -> str:
        """The quota that was used up."""
        return str(self.args[1])

    @property
    def retry_after(self) -> float | None:
        """Seconds to wait, if the provider said so."""
        wait = self.args[2]
        return None if wait is None else float(wait)


class Unavailable(CollectionError):
    """The provider could not be reached, or failed on its side."""

    code = "unavailable"
    transient = True


class FleetUnavailable(Unavailable):
    """The quota or the budget that the fleet shares cannot be asked, so no call may go out."""


class BudgetReached(CollectionError):
    """The budget of a paid API is used up for today."""

    code = "budget"

    def __init__(self, message: str, retry_after: float) -> None:
        """Say which budget, and the seconds until it is renewed."""
        super().__init__(message, retry_after)

    @property
    def retry_after(self) -> float | None:
        """Seconds until the budget is renewed."""
        return float(self.args[1])


class Denied(CollectionError):
    """The provider refused: a permission is missing, or the credentials are not valid."""

    code = "denied"

    def __init__(self, message: str, permission: str = "") -> None:
        """Name the missing permission (``ec2:DescribeInstances``) where it is one."""
        super().__init__(message, permission)

    @property
    def permission(self) -> str:
        """The missing permission by the provider's own name, or an empty string."""
        return str(self.args[1])


class CollectionFailed(CollectionError):
    """The collection failed for a reason that waiting does not obviously mend."""


class DeadlineReached(CollectionFailed):
    """The attempt has used up its time: nothing more can be asked in it."""


class MessageError(FinfleetError):
    """A message cannot be taken in."""

    #: The word that the dead-letter queue keeps for it.
    code = "refused"


class MalformedMessage(MessageError):
    """Not a message of ours, truncated, or not of the form."""

    code = "malformed"


class UnknownSchema(MessageError):
    """A message of a version that this release does not read."""

    code = "unknown_schema"


class InvalidRecord(MessageError):
    """A message is readable, but one record in it is impossible."""

    code = "invalid"

    def __init__(self, path: str, value: str, remedy: str) -> None:
        """Name the field (``points[17].value``), what it held, and what is allowed."""
        super().__init__(path, value, remedy)

    @property
    def message(self) -> str:
        """Field, value and remedy in one line."""
        path, value, remedy = self.args
        return f"{path}: {value}: {remedy}"


class PublishRefused(FinfleetError):
    """The broker did not take a message."""


class ForwardError(FinfleetError):
    """A destination did not take a batch."""


class ForwardRetry(ForwardError):
    """The destination may take the batch later."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        """Say what happened, and the wait in seconds if the server gave one."""
        super().__init__(message, retry_after)

    @property
    def retry_after(self) -> float | None:
        """Seconds the server asked us to wait, if it said so."""
        wait = self.args[1]
        return None if wait is None else float(wait)


class ForwardRejected(ForwardError):
    """The destination will never take this batch as it is."""


class ForwardRefused(ForwardRejected):
    """A server refused this batch. It may be a proxy that refuses everything: what becomes of others tells."""


class ForwardInvalid(ForwardRefused):
    """A server refused this batch in the form that the destination's own refusals have."""
