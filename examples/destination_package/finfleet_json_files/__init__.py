"""A finfleet destination of another distribution: files of JSON lines."""
