"""Cost Explorer over a table of cost lines that a test may replace: a restatement is one call."""

from emulators.aws.cost.lines import CostLine, CostTable
from emulators.aws.cost.service import CostExplorer

__all__ = ["CostExplorer", "CostLine", "CostTable"]
