"""Webhooks: JSON of a documented schema, signed as Standard Webhooks says."""
