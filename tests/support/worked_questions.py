"""The worked questions of the documentation, with what comes of each."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable

_BLOCK = re.compile(r"^```console\n\$ finfleet (.*)\n(?:[^`]*\n)?```$", re.MULTILINE)


def worked(page: str, run: Callable[[tuple[str, ...]], str]) -> str:
    """The page, with below each command what it prints."""

    def shown(found: re.Match[str]) -> str:
        printed = "\n".join(line.rstrip() for line in run(tuple(shlex.split(found[1]))).splitlines())
        return f"```console\n$ finfleet {found[1]}\n{printed}\n```"

    return _BLOCK.sub(shown, page)


def count(page: str) -> int:
    """How many there are."""
    return len(_BLOCK.findall(page))
