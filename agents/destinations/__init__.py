"""Where records go: one folder a destination."""
