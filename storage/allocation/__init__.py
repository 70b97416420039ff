"""Allocation: whose each charge of the bill is, by versioned rules, and how what is shared is split.

The parts of a charge are the charge, to the last digit, in its own currency (docs/allocation.md).
"""
