"""What starts no server sets the clock that it looks at: else it passes or fails by the hour at which it runs."""

import ast
from collections.abc import Iterator
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_READ = {("datetime", "now"), ("datetime", "today"), ("datetime", "utcnow"), ("date", "today"), ("time", "time")}
_ALLOWED = {
    # The machine's clock is what the code under test goes by.
    "tests/unit/test_aws_errors.py": "how far this machine's clock is off",
    "tests/unit/test_azure_waits.py": "waits until a time of day",
    "tests/unit/test_clock_reads.py": "looks at the clock, to be seen",
    "tests/unit/test_disk_prices.py": "the times of files",
    "tests/unit/test_generic_collectors.py": "the sample of the reference",
    "tests/unit/test_health_judge.py": "the times of files",
    "tests/unit/test_host_windows.py": "samples of this machine",
    # Nothing that a test says of a local cloud depends on it.
    "emulators/aws/front.py": "when a call came in",
    "emulators/azure/fault_errors.py": "what a real client waits for, and stamps of messages",
    "emulators/azure/front.py": "when a call came in",
    "emulators/azure/login.py": "stamps of messages",
    "emulators/demo/bills.py": "the ledger of the demo, which runs on this machine's clock",
    "emulators/gcp/bigquery/jobs.py": "when a job was made",
    "emulators/gcp/bigquery/rest.py": "when a call came in",
    "emulators/gcp/identity.py": "tokens, which a real client judges too",
    "emulators/gcp/rpc.py": "when a call came in",
    "emulators/gcp/storage/rest.py": "when a call came in",
    "emulators/gcp/web.py": "when a call came in",
    "emulators/openfinops/program.py": "as the program does that it stands for",
}
"""Files that look at the real clock, and why."""


def _reads(path: Path) -> bool:
    """Whether a file calls for the real time; to hand `time.time` on as a default is none."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=of), attr=name)) if (of, name) in _READ:
                return True
            case ast.Call(func=ast.Name(id="utc_now")):
                return True
    return False


def _found() -> Iterator[str]:
    for folder in ("tests/unit", "tests/conformance", "emulators"):
        for path in sorted((_ROOT / folder).rglob("*.py")):
            if _reads(path):
                yield path.relative_to(_ROOT).as_posix()


def test_nothing_else_looks_at_the_real_clock() -> None:
    found = set(_found())
    assert found - _ALLOWED.keys() == set(), "take the time from what the test sets, or say here why not"
    assert _ALLOWED.keys() - found == set(), "no longer needed here"
