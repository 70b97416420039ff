"""The command line in a fork (`tests.support.prepared`), which says how it has ended."""

import io
import os
import sys

from workers import cli

ENCODING = "TEST_ENCODING"
"""The variable that names the encoding of the output, as PYTHONIOENCODING does for a program that is started."""


def main() -> None:
    """Run it, and print its exit status."""
    status: object = 0
    if encoding := os.environ.get(ENCODING):
        for stream in (sys.stdout, sys.stderr):
            assert isinstance(stream, io.TextIOWrapper)
            stream.reconfigure(encoding=encoding, errors="strict")
    try:
        cli.main()
    except SystemExit as error:
        status = error.code
    sys.stdout.flush()
    os.write(1, f"\nexit status {status}\n".encode())


def celery() -> None:
    """The same for Celery's own command line, which imports our application."""
    status: object = 0
    try:
        from celery.__main__ import main as run  # noqa: PLC0415 - in the fork, with its variables

        run()
    except SystemExit as error:
        status = error.code
    sys.stdout.flush()
    os.write(1, f"\nexit status {status}\n".encode())
