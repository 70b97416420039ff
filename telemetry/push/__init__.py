"""What anybody may push: the form of a message, its checks, and the batches that it becomes."""
