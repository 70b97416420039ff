"""How the fleet stands, for ``finfleet status``: what is asked, what is taken for trouble, and how it is shown."""
