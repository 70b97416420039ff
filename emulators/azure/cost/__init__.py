"""Cost Management: a table of cost lines, grouped when it is asked."""

from emulators.azure.cost.lines import CostLine, CostTable
from emulators.azure.cost.service import CostManagement

__all__ = ["CostLine", "CostManagement", "CostTable"]
