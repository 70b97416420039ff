"""Requests to one server that nobody has to trust: limits, time, no redirects, no secret in what is said."""
