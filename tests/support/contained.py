"""A process of an image, as a container engine would run it: the image's user, no rights, a read-only file system."""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

#: In a mount namespace of its own: the image read-only, /proc, a few devices, the names of hosts, and what is given.
_ENTER = """
set -e
root=$1 user=$2 place=$3 shift=$4; shift 4
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755 dev "$root/dev"
for device in null zero full random urandom; do
  touch "$root/dev/$device"; mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir -m 1777 "$root/dev/shm"; mount -t tmpfs -o mode=1777 shm "$root/dev/shm"
for file in hosts resolv.conf; do
  [ ! -e "/etc/$file" ] || { touch "$root/etc/$file"; mount --bind "/etc/$file" "$root/etc/$file"; }
done
while [ "$shift" -gt 0 ]; do
  mkdir -p "$root$2"; mount --bind "$1" "$root$2"; shift 2; shift=$((shift - 1))
done
mount -o remount,bind,ro "$root"
exec chroot "$root" /bin/sh -c 'cd "$0" && exec "$@"' "$place" \
  setpriv --reuid "${user%%:*}" --regid "${user##*:}" --clear-groups \
  --pdeathsig KILL --no-new-privs --bounding-set=-all --inh-caps=-all -- "$@"
"""


class Contained:
    """Programs of one image, whose file system lies under a directory."""

    def __init__(self, root: Path, configuration: Mapping[str, Any]) -> None:
        self._root = root
        self._configuration = configuration

    @property
    def user(self) -> int:
        """Its number."""
        return int(self._configuration["User"].partition(":")[0])

    @property
    def command(self) -> list[str]:
        """What it starts where it is not told what."""
        found: list[str] = self._configuration["Cmd"]
        return found

    def start(
        self, command: list[str], log: Path, variables: Mapping[str, str], writable: Mapping[Path, str]
    ) -> "subprocess.Popen[bytes]":
        """Start a program with directories of ours under the names that it knows them by."""
        with log.open("wb") as output:
            return subprocess.Popen(
                self._argv(command, writable), env=self._environment(variables), stdout=output, stderr=output
            )

    def run(
        self, command: list[str], variables: Mapping[str, str] | None = None, writable: Mapping[Path, str] | None = None
    ) -> tuple[int, str]:
        """Run a program to its end: exit status and output."""
        done = subprocess.run(
            self._argv(command, writable or {}),
            env=self._environment(variables or {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        return done.returncode, done.stdout

    def _argv(self, command: list[str], directories: Mapping[Path, str]) -> list[str]:
        given = [word for source, target in directories.items() for word in (str(source), target)]
        image = [str(self._root), self._configuration["User"], self._configuration.get("WorkingDir") or "/"]
        enter = ["unshare", "--mount", "--propagation", "private", "sh", "-c", _ENTER, "enter"]
        return [*enter, *image, str(len(directories)), *given, *command]

    def _environment(self, variables: Mapping[str, str]) -> dict[str, str]:
        return {**dict(entry.split("=", 1) for entry in self._configuration["Env"]), **variables}
