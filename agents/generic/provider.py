"""Sources of one's own, and this machine, as a provider."""

from __future__ import annotations

from agents.core.provider import Provider
from agents.generic.settings import GenericSettings


class Generic(Provider):
    """Pages that are polled, numbers that are pushed, and the machine that a worker runs on."""

    name = "generic"
    title = "generic sources"
    settings = GenericSettings
    services = "agents.generic.services"
