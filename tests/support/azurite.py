"""Azurite, Microsoft's own local Blob storage, with a certificate, which takes the tokens of a local Azure."""

import os
import re
import ssl
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import trustme

from emulators.azure import LocalAzure
from tests.support.environment import of_this_machine
from tests.support.node import node_modules
from tests.support.waiting import until

ACCOUNT = "finfleetbills"
KEY = "a2V5IG9mIGEgbG9jYWwgYWNjb3VudCwgd2hpY2ggaXMgbm8gc2VjcmV0"
_PACKAGE = Path(__file__).parents[1] / "data" / "azurite" / "package.json"
_LISTENING = re.compile(r"listens on (https://\S+)")
_SECONDS_TO_INSTALL = 240
_SECONDS_TO_START = 20
_VERSION = "2021-12-02"


@dataclass
class Azurite:
    """A running one, and the local Azure whose directory gives the tokens."""

    endpoint: str
    azure: LocalAzure
    #: Both authorities: of its own certificate, and of the local Azure's.
    ca_file: Path
    client: httpx.Client

    def container(self) -> "Container":
        """A new one, empty."""
        made = Container(self, f"bills-{uuid.uuid4().hex[:12]}")
        made.ask("PUT", "", params={"restype": "container"})
        return made


@dataclass
class Container:
    """A container."""

    azurite: Azurite
    name: str

    @property
    def url(self) -> str:
        """As the configuration has it."""
        return f"https://{ACCOUNT}.blob.core.windows.net/{self.name}"

    def put(self, key: str, body: bytes) -> None:
        """Write a blob, in the place of one that is there."""
        self.ask("PUT", key, content=body, headers={"x-ms-blob-type": "BlockBlob"})

    def delete(self, key: str) -> None:
        """Take one away."""
        self.ask("DELETE", key)

    def ask(self, method: str, key: str, **options: object) -> None:
        """One request, with a token."""
        headers = {
            "authorization": f"Bearer {_token(self.azurite.azure)}",
            "x-ms-version": _VERSION,
            "x-ms-date": time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime()),
            **options.pop("headers", {}),  # type: ignore[dict-item] # a dictionary
        }
        url = f"{self.azurite.endpoint}/{self.name}/{key}".rstrip("/")
        answer = self.azurite.client.request(method, url, headers=headers, **options)  # type: ignore[arg-type] # httpx's own
        answer.raise_for_status()


def _token(azure: LocalAzure) -> str:
    given = azure.credentials()
    application = azure.directory.find(given["tenant_id"], given["client_id"])
    assert application is not None
    return azure.directory.give_token(application, "https://storage.azure.com")[0]


@contextmanager
def running_azurite() -> Iterator[Azurite]:
    """One of its own; skips where it cannot be had."""
    modules = node_modules(_PACKAGE, _SECONDS_TO_INSTALL)
    program = modules / "azurite" / "dist" / "src" / "blob" / "main.js"
    with tempfile.TemporaryDirectory(prefix="finfleet-azurite-") as folder, LocalAzure() as azure:
        home = Path(folder)
        authority = trustme.CA()
        own = authority.issue_cert("localhost", "127.0.0.1")
        own.private_key_pem.write_to_path(home / "key.pem")
        own.cert_chain_pems[0].write_to_path(home / "cert.pem")
        ca_file = home / "ca.pem"
        ca_file.write_bytes(authority.cert_pem.bytes() + Path(azure.ca_file).read_bytes())
        trusting = ssl.create_default_context(cafile=str(ca_file))
        with _started(program, home) as endpoint, httpx.Client(verify=trusting, trust_env=False) as client:
            yield Azurite(f"{endpoint}/{ACCOUNT}", azure, ca_file, client)


@contextmanager
def _started(program: Path, home: Path) -> Iterator[str]:
    kept = {name: value for name, value in os.environ.items() if name not in set(of_this_machine(os.environ))}
    options = ("--blobHost", "127.0.0.1", "--blobPort", "0", "--inMemoryPersistence", "--disableTelemetry")
    secured = ("--oauth", "basic", "--cert", str(home / "cert.pem"), "--key", str(home / "key.pem"))
    with (home / "out").open("wb") as printed:
        process = subprocess.Popen(
            ["node", str(program), *options, *secured, "--skipApiVersionCheck"],
            cwd=home,
            env={**kept, "AZURITE_ACCOUNTS": f"{ACCOUNT}:{KEY}"},
            stdout=printed,
            stderr=subprocess.STDOUT,
        )
    try:
        yield _address(process, home / "out")
    finally:
        process.terminate()
        process.wait(timeout=30)


def _address(process: subprocess.Popen[bytes], printed: Path) -> str:
    def listening() -> re.Match[str] | None:
        text = printed.read_text(encoding="utf-8", errors="replace")
        assert process.poll() is None, text
        return _LISTENING.search(text)

    until(listening, _SECONDS_TO_START)
    found = listening()
    assert found is not None
    return found[1]
