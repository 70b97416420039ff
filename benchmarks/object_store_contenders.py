"""What `benchmarks.object_stores` compares, each in a process of its own that imports no more than it needs.

``python -m benchmarks.object_store_contenders NAME ENDPOINT BUCKET KEY [FOLDER]`` reads an object by ranges of 4 MiB,
and prints what it took, importing left out. FOLDER has the libraries that the project does not have.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from agents.core.context import Context, Shared
from agents.core.meter import Meter
from telemetry.settings import Settings
from telemetry.settings.providers import Account

_BLOCK = 4 * 1024 * 1024
_KEYS = ("AKIALOCALAWS", "a secret of the local cloud")


def main() -> None:
    """Be one of them, and print what it took as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("contender", choices=tuple(CONTENDERS))
    parser.add_argument("endpoint")
    parser.add_argument("bucket")
    parser.add_argument("key")
    parser.add_argument("libraries", nargs="?", default="")
    arguments = parser.parse_args()
    if arguments.libraries:
        # Before ours: aiobotocore wants a botocore of its own.
        sys.path.insert(0, arguments.libraries)
    try:
        for module in _MODULES.get(arguments.contender, ()):
            importlib.import_module(module)
    except ImportError as error:
        print(json.dumps({"missing": str(error)}))
        return
    read = CONTENDERS[arguments.contender](arguments.endpoint, arguments.bucket, arguments.key)
    began, used, digest, size = time.monotonic(), time.process_time(), hashlib.sha256(), 0
    for piece in read:
        digest.update(piece)
        size += len(piece)
    print(
        json.dumps(
            {
                "seconds": time.monotonic() - began,
                "cpu": time.process_time() - used,
                "rss": _peak(),
                "size": size,
                "digest": digest.hexdigest(),
            }
        )
    )


def _peak() -> int:
    """Bytes; the system's own count begins with what the process was that this one was started by."""
    (line,) = (one for one in Path("/proc/self/status").read_text().splitlines() if one.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def _in_pieces(file: Any) -> Iterator[bytes]:
    while piece := file.read(_BLOCK):
        yield piece


def _nothing(endpoint: str, bucket: str, key: str) -> Iterator[bytes]:
    """What Python itself takes."""
    del endpoint, bucket, key
    return iter(())


def _finfleet(endpoint: str, bucket: str, key: str) -> Iterator[bytes]:
    """As agents/core/bills reads files: obstore, the next block on its way, If-Match."""
    stores = importlib.import_module("agents.core.bills.stores")
    shared = Shared(Settings.model_validate({"generic": {}}))
    account = Account(name="default", regions=(), services=(), queue="collect.generic")
    context = Context(shared, account, Meter(), time.monotonic() + 3600)
    keys = stores.Keys(*_KEYS)
    store = stores.open_store(f"s3://{bucket}", context, credentials=lambda: keys, endpoint=endpoint)
    return _in_pieces(store.open(store.head(key)))


def _obstore(endpoint: str, bucket: str, key: str) -> Iterator[bytes]:
    """By itself, a range after the other."""
    library, stores = importlib.import_module("obstore"), importlib.import_module("obstore.store")
    store = stores.S3Store(
        bucket,
        endpoint=endpoint,
        region="us-east-1",
        access_key_id=_KEYS[0],
        secret_access_key=_KEYS[1],
        client_options={"allow_http": True},
    )
    size = library.head(store, key)["size"]
    for start in range(0, size, _BLOCK):
        yield bytes(library.get_range(store, key, start=start, end=min(size, start + _BLOCK)))


def _pyarrow(endpoint: str, bucket: str, key: str) -> Iterator[bytes]:
    """pyarrow.fs, which has AWS's own C++ library in it."""
    filesystem = importlib.import_module("pyarrow.fs")
    store = filesystem.S3FileSystem(
        access_key=_KEYS[0], secret_key=_KEYS[1], endpoint_override=endpoint, region="us-east-1", scheme="http"
    )
    return _in_pieces(store.open_input_file(f"{bucket}/{key}"))


def _s3fs(endpoint: str, bucket: str, key: str) -> Iterator[bytes]:
    """Fsspec's own, over aiobotocore and aiohttp."""
    library = importlib.import_module("s3fs")
    store = library.S3FileSystem(key=_KEYS[0], secret=_KEYS[1], endpoint_url=endpoint)
    return _in_pieces(store.open(f"{bucket}/{key}", block_size=_BLOCK, cache_type="readahead"))


def _boto3(endpoint: str, bucket: str, key: str) -> Iterator[bytes]:
    """As the services of AWS read."""
    client = importlib.import_module("boto3").client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=_KEYS[0],
        aws_secret_access_key=_KEYS[1],
    )
    size = client.head_object(Bucket=bucket, Key=key)["ContentLength"]
    for start in range(0, size, _BLOCK):
        only = f"bytes={start}-{min(size, start + _BLOCK) - 1}"
        yield client.get_object(Bucket=bucket, Key=key, Range=only)["Body"].read()


_MODULES: Mapping[str, tuple[str, ...]] = {
    "finfleet": ("agents.core.bills.stores", "obstore.store"),
    "obstore": ("obstore.store",),
    "pyarrow.fs": ("pyarrow.fs",),
    "s3fs": ("s3fs",),
    "boto3": ("boto3",),
}
CONTENDERS: dict[str, Callable[[str, str, str], Iterator[bytes]]] = {
    "nothing": _nothing,
    "finfleet": _finfleet,
    "obstore": _obstore,
    "pyarrow.fs": _pyarrow,
    "s3fs": _s3fs,
    "boto3": _boto3,
}


if __name__ == "__main__":
    main()
