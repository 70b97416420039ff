"""The local Azure as a process."""

import json
import signal
import ssl
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from azure.identity import ClientSecretCredential

from emulators.azure import LocalAzure
from tests.support.local_azure import ARM_SCOPE
from tests.support.waiting import until


def test_a_process_serves_says_where_and_ends(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    words = ["--seed", "all", "--vms", "30", "--ready-file", str(ready)]
    command = [sys.executable, "-W", "error", "-m", "emulators.azure", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]) as running:
        try:
            assert running.stdout
            url = running.stdout.readline().removeprefix("listening on ").strip()
            until(ready.exists)
            told = json.loads(ready.read_text())
            assert told["url"] == url
            assert ready.stat().st_mode & 0o077 == 0
            context = ssl.create_default_context(cafile=told["ca_file"])
            with httpx.Client(base_url=url, verify=context) as client:
                seed = client.get("/_local/seed").json()
                assert seed["vms"]["vms"] == 30
                assert set(seed) == {"vms", "ml", "aks", "functions", "storage", "costs"}
                assert float(seed["costs"]["actual"]["USD"]) > 0
                credential = ClientSecretCredential(
                    **told["credentials"],
                    authority=told["endpoints"]["authority"],
                    disable_instance_discovery=True,
                    connection_verify=told["ca_file"],
                )
                token = credential.get_token(ARM_SCOPE).token
                listed = client.get(
                    "/subscriptions",
                    params={"api-version": "2022-12-01"},
                    headers={"Authorization": f"Bearer {token}"},
                )
                assert [one["subscriptionId"] for one in listed.json()["value"]] == told["subscriptions"]
                assert client.get("/_local/calls").json()["calls"]["login:token"] == 1
            running.send_signal(signal.SIGTERM)
            assert running.wait(20) == 0
            assert not Path(told["ca_file"]).exists()
        finally:
            running.terminate()
            running.wait(20)


def test_it_says_when_it_is_not_started() -> None:
    azure = LocalAzure()
    for name in ("url", "ca_file", "endpoints"):
        with pytest.raises(RuntimeError, match="not started"):
            getattr(azure, name)
