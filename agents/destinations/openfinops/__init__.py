"""OpenFinOps: its addresses, the shape that it takes, its answers."""
