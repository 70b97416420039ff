"""A bucket of Cloud Storage, with the credentials of an account: for files that a person brings."""

from __future__ import annotations

from agents.core.bills.stores import ObjectStore, Token, open_store
from agents.core.context import Context
from agents.gcp.calls import GcpCalls
from agents.gcp.session import GcpSession, section_of


def open_bucket(context: Context, url: str) -> ObjectStore:
    """The bucket of a ``gs://`` URL."""
    section, calls = section_of(context.shared), GcpCalls(context)

    def token() -> Token:
        return Token(*calls.make(calls.naming("storage:token"), GcpSession.token, lambda found: found))

    endpoint, ca_file = section.endpoints.get("storage", ""), section.ca_file or ""
    return open_store(url, context, credentials=token, endpoint=endpoint, ca_file=ca_file)
