"""Errors of a call that collections tell apart, whichever the provider."""

from __future__ import annotations

from telemetry.errors import CollectionFailed, Denied, Unavailable


class ExpiredCredentials(Denied):
    """The credentials, or the token that they gave, were good, and are no longer."""


class BrokenListing(Unavailable):
    """A listing broke off between two pages: to ask for the same page again is of no use."""


class Gone(CollectionFailed):
    """What was asked for by its name is not there, or no more."""
