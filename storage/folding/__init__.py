"""What is old made small: each kind of maintenance is one small transaction, called again until it says 0."""
