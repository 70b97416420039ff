"""What a destination is: somewhere that committed batches are forwarded to, whatever it speaks.

A kind of destination is a class that an entry point ``finfleet.destinations`` names (docs/destinations.md). Its module
must import nothing but its settings: every process reads them, and only one that forwards opens a destination.
"""

from __future__ import annotations

import logging
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, ClassVar, Self

from telemetry.batch import Batch
from telemetry.errors import ConfigError, ForwardError, ForwardRejected, ForwardRetry
from telemetry.registry import in_a_line
from telemetry.settings.destinations import DestinationSettings, kinds

logger = logging.getLogger(__name__)


class Destination(ABC):
    """One destination, open. Its methods are called from several threads, for different targets at once."""

    #: For a person, in logs: what it is and where, without a secret.
    label: str
    #: Seconds that :meth:`send` and :meth:`takes` may take together, at the most.
    longest: float

    @abstractmethod
    def send(self, batch: Batch) -> str:
        """Send one batch; returns when it is safe there: empty, or what a person should know of it.

        The same batch may be sent again (``batch.batch_id`` is then the same): after a crash, or a lost answer.

        Raises:
            ForwardRetry: it may be taken later; with seconds, the destination is left alone for so long.
            ForwardRefused: a server would not have this one: dead where others are taken (agents.core.refusals).
            ForwardInvalid: it would not, in the destination's own form; believed where :meth:`takes` confirms it.
            ForwardRejected: it never will be taken, whatever becomes of others.
        """

    def takes(self, batch: Batch) -> bool:
        """Whether the destination takes something harmless right now, by which to judge its refusal of ``batch``."""
        del batch
        return False

    def recovered(self) -> None:  # noqa: B027 - most have nothing to do
        """Called when it answers again after failures: it may be a new server, which knows nothing of before."""

    @abstractmethod
    def abort(self) -> None:
        """End what is under way, from another thread: it raises ForwardRetry at once."""

    @abstractmethod
    def close(self) -> None:
        """Close the connections."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class DestinationKind(ABC):
    """A kind of destination: how it is configured, and how it is opened."""

    #: With the field ``kind: Literal["the entry point's name"]``.
    settings: ClassVar[type[DestinationSettings]]
    #: Whether a section of its name is a destination of its name: for the kinds of finfleet itself.
    short_form: ClassVar[bool] = False

    @abstractmethod
    def open(self, name: str, settings: Any) -> Destination:
        """The destination ``name`` of the configuration; ``settings`` are of the class above. Reaches nothing yet.

        ConfigError where it cannot be right, or what it needs is not installed.
        """

    def schema(self) -> dict[str, Any] | None:
        """The JSON Schema of what is sent; None where it is no JSON, or not ours to say."""
        return None


class Guarded(Destination):
    """A destination of whatever distribution: it raises what its sender knows, or an Exception over one batch."""

    def __init__(self, opened: Destination) -> None:
        self.opened = opened
        self.label = str(opened.label)
        self.longest = float(opened.longest)

    def send(self, batch: Batch) -> str:
        """As the destination does; RuntimeError for whatever is raised that no destination should."""
        try:
            said: object = self.opened.send(batch)
        except ForwardRetry as error:
            raise _sound(error) from None
        except (ForwardError, KeyboardInterrupt):
            raise
        except Exception:
            raise  # told with its traceback, and counted against this batch
        except BaseException as error:
            raise RuntimeError(in_a_line(error)) from error
        return said if isinstance(said, str) else ""

    def takes(self, batch: Batch) -> bool:
        """As the destination says; where it cannot, its refusal is not believed."""
        try:
            return bool(self.opened.takes(batch))
        except KeyboardInterrupt:
            raise
        except BaseException:
            logger.exception("%s cannot say whether it takes anything", self.label)
            return False

    def recovered(self) -> None:
        """Tell it."""
        self._quietly("note that it answers again", self.opened.recovered)

    def abort(self) -> None:
        """Tell it."""
        self._quietly("break off", self.opened.abort)

    def close(self) -> None:
        """Tell it."""
        self._quietly("be closed", self.opened.close)

    def _quietly(self, what: str, do: Callable[[], None]) -> None:
        try:
            do()
        except KeyboardInterrupt:
            raise
        except BaseException:
            logger.exception("%s cannot %s", self.label, what)


def _sound(error: ForwardRetry) -> ForwardRetry:
    """The error, with a wait that can be waited: a class of theirs may have changed its arguments."""
    try:
        wait = error.retry_after
        is_sound = wait is None or 0 <= wait < math.inf
    except Exception:  # noqa: BLE001 - whatever is wrong with it, its wait is not known
        is_sound = False
    return error if is_sound else ForwardRetry(str(error))


def open_destination(name: str, settings: DestinationSettings) -> Destination:
    """The destination that a section of the configuration describes; ConfigError where it cannot be right."""
    called: str = getattr(settings, "kind")  # noqa: B009 - each kind's section has its own Literal
    kind: DestinationKind = kinds()[called]
    try:
        return Guarded(_checked(kind.open(name, settings)))
    except (ConfigError, KeyboardInterrupt):
        raise
    except BaseException as error:
        logger.exception("destination %s cannot be opened", name)
        raise ConfigError(f"destination {name}", (f"kind {called} cannot open it: {in_a_line(error)}",)) from None


def _checked(opened: object) -> Destination:
    if not isinstance(opened, Destination):
        raise TypeError("what open() returns is no agents.core.destination.Destination")
    absent = [field for field in ("label", "longest") if not hasattr(opened, field)]
    if absent:
        raise TypeError(f"{type(opened).__name__} has no {' and no '.join(absent)}")
    return opened


@contextmanager
def shaping(batch: Batch, label: str) -> Iterator[None]:
    """Turns whatever is raised while a batch is shaped into ForwardRejected: it would be raised again each time."""
    try:
        yield
    except ForwardError:
        raise
    except Exception as error:
        logger.exception("batch %s cannot be shaped for %s", batch.batch_id, label)
        raise ForwardRejected(f"not sent: it cannot be shaped ({type(error).__name__}): see the log") from None


def section_name(name: str, *, short_form: bool) -> str:
    """Where a destination's keys stand in the configuration, for errors."""
    return name if short_form else f"destinations.{name}"


def missing_extra(section: str, extra: str, package: str | None) -> ConfigError:
    """What to say where a kind needs packages that are not installed."""
    return ConfigError(section, (f"kind: {package} is not installed: pip install 'finfleet[{extra}]'",))
