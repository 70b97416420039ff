"""The layout of FOCUS, from 1.0 to 1.4, whoever writes it."""

from __future__ import annotations

from agents.core.bills.layouts import Columns, Layout


def focus_layout(columns: Columns) -> Layout:
    """For the columns of a FOCUS table. Old names, and names in another case, are taken for the new ones.

    What FOCUS has and CostLine has not, and what begins with ``x_``, is kept: numbers of costs in ``amounts``, text in
    ``details``. CollectionFailed where the columns are not those of FOCUS.
    """
    raise NotImplementedError
