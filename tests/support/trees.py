"""Directories in which a server is at work: files come and go while they are looked at."""

import os
from contextlib import suppress
from pathlib import Path


def entries(top: Path) -> dict[Path, os.stat_result]:
    """What `lstat` says of `top` and all that is below it; what has vanished meanwhile is left out."""
    found: dict[Path, os.stat_result] = {}
    below = (Path(root, name) for root, directories, files in os.walk(top) for name in (*directories, *files))
    for path in (top, *below):
        with suppress(FileNotFoundError):
            found[path] = path.lstat()
    return found
