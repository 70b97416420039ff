"""The assets, by project."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from emulators.gcp.projects import Projects


@dataclass
class Asset:
    """One resource. `name` is its full resource name (`//compute.googleapis.com/projects/...`).

    `data` is the resource as its own API gives it; `attributes` are those that search shows as additionalAttributes.
    """

    name: str
    asset_type: str
    project: str
    location: str
    display_name: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    state: str = ""
    created: datetime | None = None
    updated: datetime | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    network_tags: tuple[str, ...] = ()
    version: str = "v1"


class AssetStore:
    """Every asset, in the order of names within a project."""

    def __init__(self, projects: Projects) -> None:
        self._lock = threading.Lock()
        self._projects = projects
        self._assets: dict[str, dict[str, Asset]] = {}

    def add(self, asset: Asset) -> None:
        """Add an asset, or replace the one of the same name."""
        self._projects.add(asset.project)
        with self._lock:
            self._assets.setdefault(asset.project, {})[asset.name] = asset

    def remove(self, project: str, name: str) -> None:
        """Forget an asset.

        Raises:
            KeyError: there is none of that name.
        """
        with self._lock:
            del self._assets[project][name]

    def of(self, project: str) -> list[Asset]:
        """The assets of a project, by name."""
        with self._lock:
            held = list(self._assets.get(project, {}).values())
        return sorted(held, key=lambda asset: asset.name)

    def types(self) -> set[str]:
        """The asset types that any project holds."""
        with self._lock:
            return {asset.asset_type for held in self._assets.values() for asset in held.values()}
