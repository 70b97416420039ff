"""AWS's bill by Cost Explorer: spans of days, types, totals, and the calls."""
