"""A finfleet service of another distribution."""
