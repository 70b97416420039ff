"""What is collected of a cluster, a module each."""
