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
    """Every asset, in the order of names within a project, and what each was before."""

    def __init__(self, projects: Projects) -> None:
        self._lock = threading.Lock()
        self._projects = projects
        self._assets: dict[str, dict[str, list[tuple[datetime | None, Asset | None]]]] = {}

    def add(self, asset: Asset, *, at: datetime | None = None) -> None:
        """Add an asset, or replace the one of the same name: from `at` on where that is given, else for all time."""
        self._projects.add(asset.project)
        with self._lock:
            held = self._assets.setdefault(asset.project, {})
            held[asset.name] = [*(held.get(asset.name, []) if at else []), (at, asset)]

    def remove(self, project: str, name: str, *, at: datetime | None = None) -> None:
        """Forget an asset; where `at` is given, it is still there in the past.

        Raises:
            KeyError: there is none of that name.
        """
        with self._lock:
            if at is None:
                del self._assets[project][name]
            else:
                self._assets[project][name].append((at, None))

    def of(self, project: str, *, at: datetime | None = None) -> list[Asset]:
        """The assets of a project, by name, as they are now or were `at` a time."""
        with self._lock:
            held = list(self._assets.get(project, {}).values())
        found = [asset for versions in held if (asset := _as_of(versions, at)) is not None]
        return sorted(found, key=lambda asset: asset.name)

    def types(self) -> set[str]:
        """The asset types that any project holds."""
        with self._lock:
            projects = [list(held.values()) for held in self._assets.values()]
        return {asset.asset_type for held in projects for versions in held for _, asset in versions if asset}


def _as_of(versions: list[tuple[datetime | None, Asset | None]], at: datetime | None) -> Asset | None:
    if at is None:
        return versions[-1][1]
    known = [asset for since, asset in versions if since is None or since <= at]
    asset = known[-1] if known else None
    return None if asset is None or (asset.created is not None and asset.created > at) else asset
