"""``focus:``: folders with bills in FOCUS, whoever writes them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import Field, SecretStr

from telemetry.settings.exports import ExportEntry, check_names
from telemetry.settings.fields import Endpoint, FilePath, check
from telemetry.settings.providers import ProviderSettings

_EXAMPLES = (
    "s3://bucket/folder, gs://bucket/folder, https://account.blob.core.windows.net/container, "
    "sftp://user@host/folder or file:///folder"
)
_Url = Annotated[
    str,
    Field(
        pattern=r"^(s3://[^/?#@\s]+|gs://[^/?#@\s]+|https://[^/?#@\s]+/[^/?#\s]+|sftp://[^/?#@:\s]+@[^/?#@\s]+|file://)"
        r"(/[^?#]*)?$",
        examples=[_EXAMPLES],
    ),
]
_OF_KIND: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "s3": ("access_key_id", "secret_access_key", "session_token", "region", "endpoint", "ca_file"),
        "https": ("account_key", "sas_token", "endpoint", "ca_file"),
        "gs": ("credentials_file", "endpoint", "ca_file"),
        "sftp": ("password", "private_key", "private_key_file", "known_hosts", "known_hosts_file", "fingerprint"),
        "file": (),
    }
)
"""The options of each kind of store."""
_SERVER = ("fingerprint", "known_hosts", "known_hosts_file")
_OPTIONS = tuple(dict.fromkeys(name for names in _OF_KIND.values() for name in names))


class FocusSource(ExportEntry):
    """A folder of files."""

    url: _Url
    #: Where a store is asked that is not the provider's own: Oracle's, MinIO, a private link.
    endpoint: Endpoint | None = None
    region: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,64}$", examples=["eu-frankfurt-1"])] | None = None
    access_key_id: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    secret_access_key: SecretStr | None = None
    session_token: SecretStr | None = None
    #: Of an Azure storage account.
    account_key: SecretStr | None = None
    sas_token: SecretStr | None = None
    #: A key of a service account of Google's.
    credentials_file: FilePath | None = None
    ca_file: FilePath | None = None
    #: Of the user that the URL of an SFTP server names.
    password: SecretStr | None = None
    #: In PEM or in OpenSSH's form, without a passphrase.
    private_key: SecretStr | None = None
    private_key_file: FilePath | None = None
    #: By what the SFTP server is known: lines of a known_hosts, such a file, or the fingerprint of its key.
    known_hosts: Annotated[str, Field(min_length=1)] | None = None
    known_hosts_file: FilePath | None = None
    fingerprint: Annotated[str, Field(pattern=r"^SHA256:[A-Za-z0-9+/]{43}$", examples=["SHA256:..."])] | None = None
    #: What tells the billing period of a file; without it the folders, and where they do not, the rows.
    periods: Literal["folders", "columns"] | None = None

    @property
    def kind(self) -> str:
        """The scheme of its URL."""
        return self.url.partition(":")[0]

    @check
    def _options_are_of_its_kind(self) -> None:
        given = [name for name in _OPTIONS if getattr(self, name) is not None]
        if foreign := [name for name in given if name not in _OF_KIND[self.kind]]:
            own = ", ".join(_OF_KIND[self.kind]) or "no options"
            raise ValueError(f"{self.name}: {foreign[0]} is not for {self.kind}://; such a source has {own}")

    @check
    def _credentials_are_whole(self) -> None:
        if (self.access_key_id is None) != (self.secret_access_key is None):
            raise ValueError(f"{self.name}: access_key_id and secret_access_key go together: set both or neither")
        if self.account_key is not None and self.sas_token is not None:
            raise ValueError(f"{self.name}: set account_key or sas_token, not both")

    @check
    def _an_sftp_server_is_known(self) -> None:
        if self.kind != "sftp":
            return
        if self.private_key is not None and self.private_key_file is not None:
            raise ValueError(f"{self.name}: set private_key or private_key_file, not both")
        if self.password is None and self.private_key is None and self.private_key_file is None:
            raise ValueError(
                f"{self.name}: an SFTP server wants a login: set password, private_key or private_key_file"
            )
        given = [name for name in _SERVER if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(
                f"{self.name}: set one of {', '.join(_SERVER)}: it tells the server from another one in its place; "
                "whoever runs it can tell the fingerprint of its key (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub)"
            )


class FocusSettings(ProviderSettings):
    """``focus:``."""

    sources: tuple[FocusSource, ...] = ()

    @check
    def _names_are_distinct(self) -> None:
        check_names("sources", self.sources)
