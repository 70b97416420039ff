"""What `kubectl kustomize` makes of a copy of `deploy/kustomize`, and of `k8s/`."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import yaml

from tests.support.absent import absent
from tests.support.manifests import KUSTOMIZE, ROOT, Document

_KNOWS_LABELS = 22
"""The minor release of kubectl whose kustomize knows the field `labels`, and folders as resources."""


def find_kubectl() -> str:
    """The program `kubectl`; without it, the test that asks is skipped, or fails in CI."""
    found = shutil.which("kubectl")
    if not found:
        absent("kubectl is not installed (Debian: kubernetes-client): nobody has put the overlays together, NOT TESTED")
    return found


class Kustomizations:
    """A copy of `deploy/kustomize` in which a test may write overlays of its own."""

    def __init__(self, directory: Path) -> None:
        self._kubectl = find_kubectl()
        self.folder = directory / "kustomize"
        shutil.copytree(KUSTOMIZE, self.folder)

    def overlay(self, name: str, *, images: bool = True, resources: list[str]) -> Path:
        """Write one, with the image and the configuration that an overlay has to bring, or without."""
        folder = self.folder / "overlays" / name
        folder.mkdir()
        document: Document = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
        document["resources"] = resources
        if images:
            document["namespace"] = "finfleet"
            document["images"] = [{"name": "finfleet", "newName": "registry.example.com/finfleet", "newTag": "0.3.0"}]
            files = ["telemetry.yaml"]
            document["configMapGenerator"] = [{"name": "finfleet-configuration", "files": files}]
            shutil.copy(KUSTOMIZE / "overlays" / "example" / "telemetry.yaml", folder)
        (folder / "kustomization.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
        return folder

    def agents(self) -> Path:
        """An overlay of `k8s/` alone."""
        names = sorted(path.name for path in (ROOT / "k8s").glob("*.yaml"))
        folder = self.overlay("agents", images=False, resources=names)
        for name in names:
            shutil.copy(ROOT / "k8s" / name, folder)
        return folder

    def render(self, folder: Path) -> list[Document]:
        """What would be applied."""
        if self._minor() < _KNOWS_LABELS:
            for path in self.folder.rglob("kustomization.yaml"):
                _in_old_words(path)
        command = [self._kubectl, "kustomize", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, f"{folder.name}: {done.stderr}"
        return [document for document in yaml.safe_load_all(done.stdout) if document]

    def _minor(self) -> int:
        command = [self._kubectl, "version", "--client", "--output=json"]
        said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
        return int(re.sub(r"\D.*", "", json.loads(said)["clientVersion"]["minor"]))


def _in_old_words(path: Path) -> None:
    """For Debian 12, whose kubectl is of 2021: the same labels, on selectors too, and folders under a key of theirs."""
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    for labels in document.pop("labels", []):
        document["commonLabels"] = labels["pairs"]
    names = document.pop("resources", [])
    document["bases"] = [*document.get("bases", []), *(name for name in names if (path.parent / name).is_dir())]
    document["resources"] = [name for name in names if (path.parent / name).is_file()]
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
