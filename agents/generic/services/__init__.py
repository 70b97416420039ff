"""Sources that are no cloud."""
