"""Credentials of object stores. None of them shows itself."""

from __future__ import annotations

from datetime import datetime

import msgspec


class Keys(msgspec.Struct, frozen=True):
    """Of S3 and of what is compatible with it."""

    access_key_id: str
    secret_access_key: str
    session_token: str = ""
    #: When they have to be asked for again; None: never.
    expires_at: datetime | None = None

    def __repr__(self) -> str:
        return "Keys(...)"


class Token(msgspec.Struct, frozen=True):
    """A bearer token: of Azure (for https://storage.azure.com) and Google."""

    token: str
    expires_at: datetime | None = None

    def __repr__(self) -> str:
        return "Token(...)"


class AccountKey(msgspec.Struct, frozen=True):
    """The key of an Azure storage account."""

    key: str

    def __repr__(self) -> str:
        return "AccountKey(...)"


class Sas(msgspec.Struct, frozen=True):
    """A shared access signature of Azure: ``sv=...&sig=...``."""

    query: str

    def __repr__(self) -> str:
        return "Sas(...)"


class ServiceAccount(msgspec.Struct, frozen=True):
    """A key of a service account of Google's: its JSON text."""

    key: str

    def __repr__(self) -> str:
        return "ServiceAccount(...)"


class Login(msgspec.Struct, frozen=True):
    """Of an SFTP server, whose user the URL names; and by what the server itself is known."""

    password: str = ""
    #: A private key in PEM or in OpenSSH's form, without a passphrase.
    private_key: str = ""
    #: Lines as ``known_hosts`` has them.
    known_hosts: str = ""
    #: Of the server's key: ``SHA256:...``.
    fingerprint: str = ""

    def __repr__(self) -> str:
        return "Login(...)"


Credentials = Keys | Token | AccountKey | Sas | ServiceAccount | Login
