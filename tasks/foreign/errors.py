"""Why a message is no task message of ours."""

from __future__ import annotations

from telemetry.errors import MessageError

_SHOWN = 80


class ForeignMessage(MessageError):
    """Something on a queue of Celery's is no task message of ours."""

    def __init__(self, reason: str, code: str = "malformed") -> None:
        """Say why for a person, and in one word of a bounded set."""
        super().__init__(reason, code)

    @property
    def code(self) -> str:  # type: ignore[override]  # of each message, not of the class
        """One word: it is the label of a metric."""
        return str(self.args[1])


def shown(value: object) -> str:
    """A stranger's value as a log line may show it: escaped and cut."""
    if isinstance(value, (bytes, str)):
        value = value[: _SHOWN * 2]
    elif isinstance(value, (list, dict, set, tuple)):
        return f"{type(value).__name__} with {len(value)} entries"
    try:
        text = ascii(value)
    except (ValueError, RecursionError):  # an integer of too many digits, for instance
        return type(value).__name__
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
