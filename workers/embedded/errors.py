"""What can go wrong with a server of our own.

EmbeddedServerError
├── ProgramNotFoundError   no server program on this machine
├── StateInUseError        another run holds the state directory
├── DataVersionError       the data belong to another major version
└── ServerStartError       the server ended, or never answered
"""


class EmbeddedServerError(RuntimeError):
    """An embedded server cannot do its work; the message says why, and what to do about it."""


class ProgramNotFoundError(EmbeddedServerError):
    """Neither a wheel nor the system has the server's program; the message says what to install."""


class StateInUseError(EmbeddedServerError):
    """Another run holds the state directory.

    Attributes:
        pid: the process that holds it, or None where it has not written its number.
    """

    def __init__(self, message: str, pid: int | None = None) -> None:
        super().__init__(message, pid)
        self.pid = pid

    def __str__(self) -> str:
        return str(self.args[0])


class DataVersionError(EmbeddedServerError):
    """The data directory was made by a major version that the program found here cannot open."""


class ServerStartError(EmbeddedServerError):
    """The server ended while it started, or did not answer in time; the message ends with its last log lines."""
