# ruff: noqa: INP001 - a script of the image, not a package
"""Prints some packages of a lock file, with their hashes: ``python pinned_packages.py LOCK NAME...``.

The image needs the build backend without the rest of what that lock holds. A package that the backend needs, and that
is not named, makes pip stop, since it demands a hash of everything.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

_ENTRY = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==.*(?:\n[ \t]+.*)*", re.MULTILINE)


def main() -> None:
    """Print the entries; end with a message where one is missing."""
    lock, names = Path(sys.argv[1]), sys.argv[2:]
    entries = {found["name"]: found[0] for found in _ENTRY.finditer(lock.read_text(encoding="utf-8"))}
    if missing := [name for name in names if name not in entries]:
        sys.exit(f"{lock}: there is no {', '.join(missing)}")
    for name in names:
        sys.stdout.write(f"{entries[name]}\n")


if __name__ == "__main__":
    main()
