"""Ends this process, in order, when the one that started it is gone: ``make``, for instance, by ``kill -9``."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

import click

_EVERY = 0.25

F = TypeVar("F", bound=Callable[..., Any])


def parent_option(command: F) -> F:
    """Give a command ``--parent``, for whoever starts it from a script that may be killed."""
    return click.option(
        "--parent", type=int, hidden=True, help="Stop when this process, which has started it, is gone."
    )(command)


def end_with(parent: int | None) -> None:
    """Send SIGTERM to this process as soon as ``parent`` is not its parent any more; nothing where None."""
    if parent is not None:
        threading.Thread(target=_watch, args=[parent], name="parent", daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_EVERY)
    os.kill(os.getpid(), signal.SIGTERM)
