"""Programs that run by themselves never ask anybody: a prompt would block a slot of a worker for ever."""

from __future__ import annotations

import getpass
import os
import sys
from typing import Any, NoReturn


def never_ask() -> None:
    """Let whatever would read from a person in this process, or in a program that it starts, find nobody.

    Before the libraries of the clouds are imported: some keep the function that asks for a code or a password, which
    reads from the terminal even where standard input is something else. It raises EOFError, as ``input()`` does.
    """
    nobody = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nobody, 0)
    if nobody != 0:
        os.close(nobody)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - for as long as the process lives
    getpass.getpass = _refuse


def _refuse(prompt: str = "Password: ", *_: Any, **__: Any) -> NoReturn:
    raise EOFError(f"{prompt.strip()[:60]!r} is asked for, and nobody is there to type it")
