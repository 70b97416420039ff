"""Alembic migrations of the finfleet database."""
