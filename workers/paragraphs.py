"""Sentences on a terminal: broken between words at its width; a pipe gets each in one line."""

from __future__ import annotations

import shutil
import sys
import textwrap

from telemetry.terminal import say

_WIDEST = 100


def say_wrapped(text: str, *, err: bool = False) -> None:
    """Print a sentence; its further lines are indented. Names are never broken."""
    stream = sys.stderr if err else sys.stdout
    if not stream.isatty():
        say(text, err=err)
        return
    width = min(shutil.get_terminal_size().columns, _WIDEST)
    for line in textwrap.wrap(text, width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False):
        say(line, err=err)
