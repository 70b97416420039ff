"""Whether a process is alive and ready, by what it really does."""
