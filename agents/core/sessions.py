"""The present session of one account: credentials and clients, shared by all threads of the process."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from typing import Generic, TypeVar

S = TypeVar("S")


class Sessions(ABC, Generic[S]):
    """Opens a session when it is first needed, and another one where its credentials are expired."""

    def __init__(self) -> None:
        self._opening = threading.Lock()
        self._session: S | None = None

    @abstractmethod
    def open(self) -> S:
        """A new session. One thread at a time."""

    def session(self) -> S:
        """The session, made by the first who asks."""
        with self._opening:
            if self._session is None:
                self._session = self.open()
            return self._session

    def renew(self, expired: S) -> S:
        """A session with fresh credentials in place of ``expired``; threads that come later share it.

        The old one is left to the threads that still use it, and to the garbage collector.
        """
        with self._opening:
            if self._session is None or self._session is expired:
                self._session = self.open()
            return self._session
