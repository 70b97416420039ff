"""Whoever writes FOCUS, as a provider."""

from __future__ import annotations

from agents.core.provider import Provider
from agents.focus.settings import FocusSettings


class Focus(Provider):
    """Bills in FOCUS from folders of files: of Oracle Cloud, Snowflake, Databricks, Vercel, or of anybody else."""

    name = "focus"
    title = "files of FOCUS"
    settings = FocusSettings
    services = "agents.focus.services"
    permissions = "agents.focus.permissions"
    sdk = ("duckdb", "obstore", "pyarrow")
    install = "finfleet[bills]"
