# ruff: noqa: INP001 - a script of the image, not a package
"""Removes what no process of finfleet reads from installed packages: ``python slim.py SITE_PACKAGES [AWS_API...]``.

These are parts for those who build or test a package, models of APIs that nobody calls, and symbols for debuggers.

botocore has a model of each API of AWS. Those stay that a call in `agents/aws` names (``ec2:DescribeInstances``), that
botocore's own handling of credentials names, and that are named here; ``all`` keeps every one.
"""

from __future__ import annotations

import ast
import gzip
import shutil
import struct
import sys
from pathlib import Path

UNUSED = (
    # For those who build or test the package.
    "**/test",
    "**/tests",
    "**/*.[ah]",
    "**/*.map",
    "**/*.po",
    "**/*.proto",
    "**/*.pxd",
    "**/*.pyi",
    "**/*.pyx",
    "**/*_tests.*.so",
    "alembic/testing",
    "numpy/distutils",
    "numpy/_core/_simd.*",
    "numpy/f2py",
    "numpy/testing",
    "sqlalchemy/testing",
    # For an installer that removes or changes the package; finfleet's own says what it consists of.
    "[!f]*.dist-info/RECORD",
    # For another interpreter than CPython.
    "zstandard/_cffi*",
    "zstandard/backend_cffi.py",
    # Other versions of an API than the one that is called; clients for asyncio.
    "azure/**/aio",
    "google/cloud/asset_v1p*",
    "google/cloud/osconfig_v1alpha",
    # Of Arrow: to compile against it; its own clients of stores and of Flight; the same library under other names.
    "pyarrow/*flight*",
    "pyarrow/_s3fs*",
    "pyarrow/_substrait*",
    "pyarrow/include",
    "pyarrow/includes",
    "pyarrow/libarrow_python.so",
    "pyarrow/libarrow_python.so.*.*.*",
    "pyarrow/libarrow_s3*",
    "pyarrow/src",
    # Examples for documentation.
    "boto3/examples",
    "botocore/data/*/*/examples-*",
    # Colours for the source of other languages than Python.
    "pygments/lexers/[!_ps]*.py",
    "pygments/lexers/_[!_m]*.py",
)
_CREDENTIALS = ("credentials.py", "tokens.py", "signin.py")


def main() -> None:
    """Remove, and say what it has saved."""
    site, kept = Path(sys.argv[1]), set(sys.argv[2:])
    before = _size(site)
    for pattern in UNUSED:
        for path in list(site.glob(pattern)):
            _remove(path)
    data = site / "botocore" / "data"
    if data.is_dir() and "all" not in kept:
        keep_models(data, kept | named_apis(site))
    for model in [*data.rglob("*.json"), *(site / "boto3" / "data").rglob("*.json")]:
        # As botocore keeps most of its own.
        model.with_suffix(".json.gz").write_bytes(gzip.compress(model.read_bytes(), mtime=0))
        model.unlink()
    for library in site.rglob("*.so*"):
        library.write_bytes(stripped(library.read_bytes()))
    sys.stdout.write(f"{_size(site) >> 20} of {before >> 20} MiB are left\n")


def named_apis(site: Path) -> set[str]:
    """What may name an API: the beginning of a call in our code, and any word in botocore's handling of credentials."""
    ours = _texts([*(site / "agents" / "aws").rglob("*.py")])
    theirs = _texts([site / "botocore" / name for name in _CREDENTIALS])
    return {text.partition(":")[0] for text in ours if ":" in text} | theirs


def _texts(files: list[Path]) -> set[str]:
    trees = [ast.parse(file.read_text(encoding="utf-8")) for file in files if file.exists()]
    nodes = (node for tree in trees for node in ast.walk(tree))
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def keep_models(data: Path, names: set[str]) -> None:
    """The newest version of each API that is named; the files that hold for all APIs are no directories."""
    for api in [path for path in data.iterdir() if path.is_dir()]:
        versions = sorted(path for path in api.iterdir() if path.is_dir())
        for path in versions[:-1] if api.name in names else [api]:
            _remove(path)


def stripped(library: bytes) -> bytes:
    """A shared library without what lies behind its last segment, which only a linker or a debugger reads."""
    if library[:6] != b"\x7fELF\x02\x01":  # 64 bits, little endian
        return library
    (headers,) = struct.unpack_from("<Q", library, 0x20)
    size, count = struct.unpack_from("<HH", library, 0x36)
    end = headers + size * count
    for at in range(headers, end, size):
        offset, length = struct.unpack_from("<Q16xQ", library, at + 8)
        end = max(end, offset + length)
    head = bytearray(library[:end])
    struct.pack_into("<Q", head, 0x28, 0)  # no table of sections
    struct.pack_into("<HH", head, 0x3C, 0, 0)
    return bytes(head)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _size(site: Path) -> int:
    return sum(path.stat().st_size for path in site.rglob("*") if path.is_file())


if __name__ == "__main__":
    main()
