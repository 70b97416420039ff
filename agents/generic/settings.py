"""``generic:``: sources of your own, and the machine that the worker runs on."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr

from telemetry.settings.fields import Duration, FilePath, Name, PageAddress, Section, check
from telemetry.settings.providers import Account, AccountEntry, ProviderSettings, PushSource

_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


def _expression(value: str) -> str:
    # Only who configures such a source needs it.
    import jmespath  # noqa: PLC0415 - see above

    try:
        jmespath.compile(value)
    except RecursionError:
        raise ValueError("is a JMESPath expression that is nested too deep") from None
    except jmespath.exceptions.JMESPathError as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"is not a JMESPath expression ({reason}); a constant is written as \"'text'\"") from None
    return value


def _header_names(value: dict[str, SecretStr]) -> dict[str, SecretStr]:
    for name, secret in value.items():
        text = secret.get_secret_value()
        if not _HEADER.fullmatch(name) or not (text.isascii() and text.isprintable()):
            # What stands in the place of a name may be the whole header, its value included.
            shown = f"{name[:40]!r}: " if _HEADER.fullmatch(name) else ""
            raise ValueError(f"{shown}a header has a name without spaces, and a value of printable ASCII")
        if name.lower() in {"host", "content-length", "transfer-encoding", "connection"}:
            raise ValueError(f"{name!r}: that header is made by the client itself")
    return value


def _printable(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if not (text and text.isascii() and text.isprintable()):
        raise ValueError("must be printable ASCII: a line break at the end, of a file perhaps, is not")
    return value


Expression = Annotated[str, Field(min_length=1, max_length=4096), AfterValidator(_expression)]


class SourceAuth(Section):
    """How a polled source knows us: a bearer token, or a user and a password."""

    bearer: Annotated[SecretStr, AfterValidator(_printable)] | None = None
    username: str | None = None
    password: SecretStr | None = None

    @check
    def _one_kind(self) -> None:
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password go together: set both or neither")
        if (self.bearer is None) == (self.username is None):
            raise ValueError("set bearer, or username and password")


class JsonMapping(Section):
    """Where the numbers are in a document. All are JMESPath expressions, all but ``records`` on one record."""

    #: The records: a list, or one object.
    records: Expression = "@"
    #: A number; a record whose value is null is left out.
    value: Expression
    #: Name of the metric.
    metric: Expression
    #: Id of the resource; the source itself where it is not given.
    resource: Expression | None = None
    unit: Expression | None = None
    #: ISO 8601 with a zone, or seconds since 1970; the time of the poll where it is not given.
    timestamp: Expression | None = None
    #: An object of texts.
    tags: Expression | None = None


class PolledSource(Section):
    """Is asked over HTTP, once an interval."""

    name: Name
    url: PageAddress
    #: The section's, or the service's own, where it is not given.
    interval: Duration | None = None
    headers: Annotated[dict[str, SecretStr], AfterValidator(_header_names)] = Field(default_factory=dict)
    auth: SourceAuth | None = None
    ca_file: FilePath | None = None
    #: For the whole answer, redirects included.
    timeout: Duration = timedelta(seconds=10)
    #: Of the answer, unpacked too.
    max_bytes: int = Field(default=16 * 1024 * 1024, ge=1, le=1024 * 1024 * 1024)
    max_samples: int = Field(default=50_000, ge=1, le=1_000_000)
    #: Further hosts that redirects may lead to; *.example.com for all below one.
    allow_hosts: tuple[str, ...] = ()
    #: Addresses of private networks and of this machine too.
    allow_private: bool = False
    #: Plain http, where a secret is sent along: it travels in the open.
    allow_plaintext: bool = False

    @check
    def _no_secret_in_the_open(self) -> None:
        if urlsplit(self.url).scheme == "http" and (self.auth or self.headers) and not self.allow_plaintext:
            raise ValueError("url: auth and headers over plain http show them: use https, or set allow_plaintext")


class HttpJsonSource(PolledSource):
    """A JSON document."""

    kind: Literal["http_json"]
    mapping: tuple[JsonMapping, ...] = Field(min_length=1)


class PrometheusSource(PolledSource):
    """A page in the text format of Prometheus or OpenMetrics."""

    kind: Literal["prometheus"]
    #: Names of metrics that are kept, with * and ?; all where it is empty.
    include: tuple[str, ...] = ()


Source = Annotated[PushSource | HttpJsonSource | PrometheusSource, Field(discriminator="kind")]


class GenericSettings(ProviderSettings):
    """``generic:``: sources of your own, and the machine that the worker runs on."""

    accounts: tuple[AccountEntry, ...] = ()
    sources: tuple[Source, ...] = ()

    def _regions(self) -> tuple[str, ...]:
        return ("local",)

    def _entries(self) -> tuple[AccountEntry, ...]:
        return self.accounts

    def accounts_of(self, provider: str) -> tuple[Account, ...]:
        """The accounts to collect, and each polled source as an account of its own, by its name."""
        return (*super().accounts_of(provider), *self._source_accounts(self.queue or f"collect.{provider}"))

    def _source_accounts(self, queue: str) -> Iterable[Account]:
        for source in self.sources:
            if isinstance(source, PolledSource):
                kind: str = source.kind
                yield Account(
                    name=source.name,
                    regions=("global",),
                    services=(kind,),
                    queue=queue,
                    interval=source.interval,
                    options={"source": source},
                )

    @property
    def push_sources(self) -> tuple[PushSource, ...]:
        """The sources that push."""
        return tuple(source for source in self.sources if isinstance(source, PushSource))

    @check
    def _sources_are_distinct(self) -> None:
        names = [source.name for source in self.sources]
        taken = {entry.name for entry in self.accounts} | ({"default"} if not self.accounts else set())
        twice = [name for name, count in Counter(names).items() if count > 1]
        if twice:
            raise ValueError(f"sources: the name {twice[0]!r} is used twice; every source needs its own")
        for name in names:
            if name in taken:
                raise ValueError(f"sources: {name!r} is the name of an account; choose another")

    @check
    def _owners_push_and_share_nothing(self) -> None:
        owners = {source.name for source in self.push_sources if source.shares is None}
        for source in self.push_sources:
            if source.shares is not None and source.shares not in owners:
                raise ValueError(
                    f"sources: {source.name}: shares {source.shares!r}: name a source of kind push that shares nothing"
                )
