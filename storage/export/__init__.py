"""The bill as files that others read: datasets of FOCUS."""

from storage.export.asked import DATASETS, Asked, ExportRefused
from storage.export.focus import Exported, export

__all__ = ["DATASETS", "Asked", "ExportRefused", "Exported", "export"]
