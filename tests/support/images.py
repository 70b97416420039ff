"""The images of the Dockerfile, built by buildah without a daemon, a registry of images, or an index of packages.

The base is Debian's Python, put together by debootstrap under the name that the Dockerfile asks for. What the locks
name is fetched once, in that base, by whatever pip settings this machine has; the builds see these packages, no index.
Base and packages are kept in this user's cache (`~/.cache/finfleet/image`), for all checkouts. Where this machine
cannot build, the tests that ask are skipped and say why; in CI (variable CI) they fail.
"""

import ast
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from hashlib import sha256
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from tests.support import manifests
from tests.support.absent import absent
from tests.support.manifests import ROOT
from tests.support.servers import memory, short_directory

_KEPT_FOR = timedelta(days=14)
"""That nobody has asked for."""
#: With proxies and certificates: conftest takes them out of what the tests see.
_MACHINE = dict(os.environ)
_CACHE = Path(_MACHINE.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "finfleet" / "image"
_NEEDED = ("buildah", "debootstrap", "unshare")
_OUR_PIP = distribution("pip")
_ROOM = 6 * 1024**3
_SITE = "usr/local/lib/python3.11/dist-packages"
_PIP = "#!/usr/bin/python3\nimport sys\nfrom pip._internal.cli.main import main\nsys.exit(main())\n"
_LOCKS = ("fleet.txt", "openfinops.txt")
_PIP_SETTINGS = {
    "cert",
    "client-cert",
    "default-timeout",
    "extra-index-url",
    "find-links",
    "index-url",
    "no-index",
    "proxy",
    "retries",
    "timeout",
    "trusted-host",
}


def need_engine() -> None:
    """What builds images here; without it, the test that asks is skipped, or fails in CI."""
    missing = [name for name in _NEEDED if shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin") is None]
    reason = f"{', '.join(missing)} not installed (Debian: buildah debootstrap)" if missing else "only root can"
    if missing or os.geteuid() != 0:
        reason = f"no image can be built here, {reason}: the Dockerfile is NOT TESTED"
        absent(reason)


class Images:
    """What buildah keeps in a directory of its own."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        # By copying whole file systems it works anywhere, in twice the time.
        self._driver = "overlay"
        if self._buildah("info", check=False).returncode:
            self._driver = "vfs"

    def _buildah(self, *words: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        storage = ("--root", str(self._directory / "storage"), "--runroot", str(self._directory / "run"))
        command = ["buildah", "--storage-driver", self._driver, *storage, *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        assert not check or done.returncode == 0, f"{' '.join(words)}: {done.stdout[-2000:]}{done.stderr[-6000:]}"
        return done

    def load(self, archive: Path, name: str) -> None:
        """Make an image of a file system."""
        container = self._buildah("from", "scratch").stdout.strip()
        self._buildah("add", "--quiet", container, str(archive), "/")
        self._buildah("commit", "--quiet", "--disable-compression", "--rm", container, name)

    def build(self, name: str, target: str, packages: Path, **arguments: str) -> None:
        """Build a stage of the Dockerfile, with the packages in a directory and no index."""
        settings = self._directory / "pip.conf"
        settings.write_text("[global]\nno-index = true\nfind-links = /packages\n", encoding="utf-8")
        volumes = [f"--volume={settings}:/etc/pip.conf:ro", f"--volume={packages}:/packages:ro"]
        given = [f"--build-arg={key}={value}" for key, value in arguments.items()]
        how = ("bud", "--pull-never", "--isolation=chroot", "--disable-compression", "--quiet")
        self._buildah(*how, *volumes, *given, "--target", target, "--tag", name, str(ROOT))

    def size(self, name: str) -> int:
        """In bytes, with its base."""
        found = json.loads(self._buildah("images", "--json").stdout)
        return next(_bytes(image["size"]) for image in found if any(f"/{name}" in tag for tag in image["names"] or ()))

    def configuration(self, name: str) -> dict[str, Any]:
        """What it says of how it is to be run."""
        found: dict[str, Any] = json.loads(self._buildah("inspect", "--type", "image", name).stdout)["OCIv1"]["config"]
        return found

    @contextmanager
    def mounted(self, name: str) -> Iterator[Path]:
        """Its file system."""
        container = self._buildah("from", "--pull-never", name).stdout.strip()
        try:
            yield Path(self._buildah("mount", container).stdout.strip())
        finally:
            self._buildah("rm", container)

    def run(self, image: str, command: list[str], volumes: Mapping[Path, str]) -> None:
        """Run a program of an image as root, on the network of this machine."""
        container = self._buildah("from", "--pull-never", image).stdout.strip()
        given = [f"--volume={source}:{target}" for source, target in volumes.items()]
        proxies = [f"--env={name}={value}" for name, value in _MACHINE.items() if name.lower().endswith("_proxy")]
        self._buildah("run", "--isolation=chroot", *proxies, *given, container, "--", *command)
        self._buildah("rm", container)


@contextmanager
def running_images() -> Iterator[tuple[Images, Path]]:
    """A store of images that has the base of the Dockerfile, and the directory of the packages."""
    need_engine()
    with short_directory(memory(_ROOM)) as directory:
        images = Images(directory)
        base = base_name()
        images.load(_kept("base", _BASE_KEY, _make_base) / "base.tar", base)
        yield images, _kept("packages", _packages_key(), lambda place: _fetch_packages(images, base, place))


def base_name() -> str:
    """What the Dockerfile is built on."""
    version = next(rest for word, rest in manifests.dockerfile() if word == "ARG" and rest.startswith("PYTHON="))
    return version.replace("PYTHON=", "python:")


_BASE_KEY = f"{base_name()} {_OUR_PIP.version} {_PIP}"


def _packages_key() -> str:
    locks = [*_LOCKS, "demo.txt"]
    return _BASE_KEY + "".join((ROOT / "requirements" / name).read_text(encoding="utf-8") for name in locks)


def _kept(name: str, key: str, make: Any) -> Path:
    """A directory that is made once for a key; what nobody has asked for in a while goes."""
    place = _CACHE / f"{name}-{sha256(key.encode()).hexdigest()[:12]}"
    if not place.exists():
        making = Path(tempfile.mkdtemp(prefix="making-", dir=_made(_CACHE)))
        try:
            make(making)
            # The tests of another checkout may have made it meanwhile.
            with suppress(OSError):
                making.rename(place)
            assert place.exists()
        finally:
            shutil.rmtree(making, ignore_errors=True)
    place.touch()
    for other in _CACHE.iterdir():
        with suppress(FileNotFoundError):
            if time.time() - other.stat().st_mtime > _KEPT_FOR.total_seconds():
                shutil.rmtree(other, ignore_errors=True)
    return place


def _made(directory: Path) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def _make_base(place: Path) -> None:
    """Debian's Python, with the pip of this environment: Debian's own is too old to read our locks."""
    root, suite = place / "root", base_name().rpartition("-")[2]
    _run(["debootstrap", "--variant=minbase", "--include=python3", suite, str(root), *_mirror(suite)])
    shutil.rmtree(root / "var/cache/apt")
    shutil.rmtree(root / "var/lib/apt/lists")
    for marker in root.glob("usr/lib/python3*/EXTERNALLY-MANAGED"):
        marker.unlink()
    shutil.copytree(
        Path(str(_OUR_PIP.locate_file("pip"))), root / _SITE / "pip", ignore=shutil.ignore_patterns("__pycache__")
    )
    (root / "usr/local/bin/python").symlink_to("/usr/bin/python3")
    program = root / "usr/local/bin/pip"
    program.write_text(_PIP, encoding="utf-8")
    program.chmod(0o755)
    _run(["tar", "--directory", str(root), "--create", "--file", str(place / "base.tar"), "."])
    shutil.rmtree(root)


def _mirror(suite: str) -> list[str]:
    """The one that this machine's apt uses for a suite, if any."""
    command = ["apt-get", "indextargets", "--format", "$(CODENAME) $(REPO_URI)"]
    done = subprocess.run(command, env=_MACHINE, capture_output=True, text=True, check=False, timeout=60)
    return [line.split()[1] for line in done.stdout.splitlines() if line.startswith(f"{suite} ")][:1]


def _fetch_packages(images: Images, base: str, place: Path) -> None:
    """Fetch what the locks name, in the base: it depends on the Python which packages those are."""
    settings, volumes = _pip_settings()
    (place / "pip.conf").write_text(settings, encoding="utf-8")
    names = next(rest for word, rest in manifests.dockerfile() if word == "RUN" and "pinned_packages.py" in rest)
    words = names.split("pinned_packages.py", 1)[1].split(">")[0].split()
    backend = _run([sys.executable, str(ROOT / "deploy/docker/pinned_packages.py"), *words])
    (place / "backend.txt").write_text(backend, encoding="utf-8")
    locks = {str(place / "backend.txt"): "/locks/backend.txt"} | {
        str(ROOT / "requirements" / name): f"/locks/{name}" for name in _LOCKS
    }
    volumes |= {Path(file): f"{target}:ro" for file, target in locks.items()}
    volumes |= {place: "/packages", place / "pip.conf": "/etc/pip.conf:ro"}
    for target in locks.values():
        how = ["--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:", "--dest", "/packages"]
        images.run(base, ["pip", "download", *how, "--requirement", target], volumes)
    (place / "pip.conf").unlink()


def _pip_settings() -> tuple[str, dict[Path, str]]:
    """Where this machine gets packages from: its pip settings as one file, and the files and directories in them."""
    lines = [line.partition("=") for line in _run([sys.executable, "-m", "pip", "config", "list"]).splitlines()]
    # What the environment says (:env:.NAME) goes before what files say.
    lines.sort(key=lambda line: line[0].startswith(":env:"))
    settings = {name.rpartition(".")[2]: str(ast.literal_eval(value)).split() for name, _, value in lines}
    chosen = {name: words for name, words in settings.items() if name in _PIP_SETTINGS}
    paths = {Path(word.removeprefix("file://")) for words in chosen.values() for word in words}
    # An index that is a directory refers to files beside it.
    paths |= {path.parent for path in paths if path.name == "simple"}
    text = "".join(f"{name} = {' '.join(words)}\n" for name, words in chosen.items())
    return f"[global]\n{text}", {path: f"{path}:ro" for path in paths if path.is_absolute() and path.exists()}


def _run(command: list[str]) -> str:
    done = subprocess.run(command, env=_MACHINE, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, f"{command}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout


def _bytes(size: str) -> int:
    number, unit = size.split()
    return int(float(number) * {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9}[unit])
