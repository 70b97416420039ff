"""What reading an object of S3 by ranges takes, by obstore and by others: `python -m benchmarks.object_stores`.

An object of 208 MB in the local S3, by ranges of 4 MiB, each contender in a process of its own, one after the other in
one run. The server is one process for all of them and takes most of the time: CPU seconds and memory are the reader's
own, and memory has what every process of finfleet has.

s3fs is not among the project's libraries, for it wants another botocore than boto3 does. It is left out, and said so,
unless `--libraries FOLDER` has it: `python -m pip install --target FOLDER s3fs`.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

from moto.s3.models import s3_backends

from benchmarks import frame
from benchmarks.object_store_contenders import CONTENDERS
from emulators.aws import LocalAws
from emulators.aws.server import DEFAULT_ACCOUNT

_SIZE = 208_000_000
_BUCKET, _KEY = "bills", "part-0.parquet"
_MB = 2**20


def main() -> None:
    """Measure, and print the table."""
    parser = frame.parser(__doc__, scale=1.0)
    parser.add_argument("--libraries", type=Path, help="a folder with what the project does not have: s3fs")
    arguments = parser.parse_args()
    body = random.Random(1).randbytes(round(_SIZE * arguments.scale))
    with LocalAws() as aws:
        backend = s3_backends[DEFAULT_ACCOUNT]["aws"]
        backend.create_bucket(_BUCKET, "us-east-1")
        backend.put_object(_BUCKET, _KEY, body)
        found = {name: _start(name, aws.url, arguments.libraries) for name in CONTENDERS}
    measured = {name: one for name, one in found.items() if "missing" not in one}
    for name, one in found.items():
        if "missing" in one:
            frame.say(
                f"{name} IS LEFT OUT: {one['missing']}; pip install --target FOLDER {name}, and --libraries FOLDER"
            )
        elif name != "nothing" and (one["size"], one["digest"]) != (len(body), measured["obstore"]["digest"]):
            raise SystemExit(f"{name} has read something else")
    columns = ("", "seconds", "CPU seconds", "memory, MB")
    rows = [
        (name, f"{one['seconds']:.1f}", f"{one['cpu']:.2f}", f"{one['rss'] / _MB:.0f}")
        for name, one in measured.items()
    ]
    frame.show(f"An object of {len(body) / 1e6:.0f} MB", columns, rows)
    frame.conclude(
        {
            "bytes": f"{len(body) / 1e6:.0f} MB",
            **{
                name: f"{one['cpu']:.2f} CPU seconds, {one['seconds']:.1f} s, {one['rss'] / _MB:.0f} MB"
                for name, one in measured.items()
            },
        }
    )


def _start(name: str, endpoint: str, libraries: Path | None) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.object_store_contenders", name, endpoint, _BUCKET, _KEY]
    folder = [str(libraries)] if libraries is not None and name == "s3fs" else []
    done = subprocess.run([*command, *folder], capture_output=True, check=False)
    if done.returncode:
        raise SystemExit(f"{name}: {done.stderr.decode()[-3000:]}")
    made: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    frame.say(f"{name}: {made.get('seconds', 'left out')}")
    return made


if __name__ == "__main__":
    main()
