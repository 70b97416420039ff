"""The views of schema ``reporting``: a file for each, and what brings a database to them (docs/adr/0014-views.md)."""

from storage.views.files import View, load
from storage.views.refresh import drop, refresh

__all__ = ["View", "drop", "load", "refresh"]
