"""Cloud Asset Inventory: what there is in a project, as search and as list give it."""

from emulators.gcp.asset.store import Asset, AssetStore

__all__ = ["Asset", "AssetStore"]
