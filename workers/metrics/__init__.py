"""What each process shows Prometheus."""
