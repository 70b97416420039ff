"""What every provider, service and destination is made of. Knows none of them by name."""
