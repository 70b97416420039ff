"""Billing accounts and the projects that are linked to them."""

import threading
from dataclasses import dataclass


@dataclass(frozen=True)
class Account:
    """A billing account: `account_id` as `XXXXXX-XXXXXX-XXXXXX`, the currency that it is billed in."""

    account_id: str
    display_name: str
    currency: str = "USD"
    is_open: bool = True


class Accounts:
    """Every account, and the account of each project."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._accounts: dict[str, Account] = {}
        self._of_project: dict[str, str] = {}

    def add(self, account: Account) -> None:
        """Add an account, or replace the one of the same id."""
        with self._lock:
            self._accounts[account.account_id] = account

    def link(self, project: str, account_id: str) -> None:
        """Let an account pay for a project."""
        with self._lock:
            self._of_project[project] = account_id

    def unlink(self, project: str) -> None:
        """Leave a project without an account: billing is disabled."""
        with self._lock:
            self._of_project.pop(project, None)

    def all(self) -> list[Account]:
        """The accounts, by id."""
        with self._lock:
            return [self._accounts[key] for key in sorted(self._accounts)]

    def of(self, project: str) -> Account | None:
        """The account of a project."""
        with self._lock:
            return self._accounts.get(self._of_project.get(project, ""))

    def projects(self, account_id: str) -> list[str]:
        """The projects that an account pays for, by id."""
        with self._lock:
            return sorted(project for project, of in self._of_project.items() if of == account_id)
