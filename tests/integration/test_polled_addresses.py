"""Every way that we know of to lead a poller to where it must not go, each against a real server that must not hear.

The server listens on 127.0.0.1: what gets through is seen in its list of requests.
"""

import ipaddress
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from pydantic import ValidationError

from agents.generic import nat64
from agents.generic.address import why_not
from telemetry.errors import CollectionFailed, Unavailable
from tests.support.polling import poll, values
from tests.support.raw_http import RawServer, answer, redirect

GOOD = answer(b'{"value": 1.5}')


@pytest.fixture
def server() -> Iterator[RawServer]:
    with RawServer(GOOD) as running:
        yield running


Resolve = Callable[..., None]


@pytest.fixture
def resolve(monkeypatch: pytest.MonkeyPatch) -> Resolve:
    """Have a name resolve to these addresses; each further list is for the next time."""

    def install(name: str, *answers: list[str]) -> None:
        real, turns = socket.getaddrinfo, iter(answers)

        def getaddrinfo(host: Any, port: Any, *args: Any, **more: Any) -> Any:
            if host != name:
                return real(host, port, *args, **more)
            asked.append(host)
            return [row for address in next(turns) for row in real(address, port, *args, **more)]

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

    asked: list[str] = []
    return install


def _refused(server: RawServer, url: str, **fields: Any) -> str:
    """The reason; fails where the server heard anything."""
    try:
        found = poll(url, **fields)
    except ValidationError as error:
        reason = str(error)
    else:
        assert isinstance(found.error, CollectionFailed), found.error
        reason = str(found.error)
    assert server.requests == []
    return reason


DIRECT = {
    "this machine": "http://127.0.0.1:{port}/",
    "this machine by name": "http://localhost:{port}/",
    "another address of this machine": "http://127.8.9.10:{port}/",
    "decimal": "http://2130706433:{port}/",
    "hexadecimal": "http://0x7f000001:{port}/",
    "octal": "http://0177.0.0.1:{port}/",
    "mixed parts": "http://0x7f.0.1:{port}/",
    "short": "http://127.1:{port}/",
    "a dot at the end": "http://127.0.0.1.:{port}/",
    "a name with a dot at the end": "http://localhost.:{port}/",
    "full-width digits": "http://\uff11\uff12\uff17.\uff10.\uff10.\uff11:{port}/",
    "circled digits": "http://①②⑦.⓪.⓪.①:{port}/",
    "unspecified": "http://0.0.0.0:{port}/",
    "zero": "http://0:{port}/",
    "IPv6 loopback": "http://[::1]:{port}/",
    "IPv6 unspecified": "http://[::]:{port}/",
    "IPv6-mapped": "http://[::ffff:127.0.0.1]:{port}/",
    "IPv6-mapped in hexadecimal": "http://[::ffff:7f00:1]:{port}/",
    "IPv4-compatible": "http://[::127.0.0.1]:{port}/",
    "6to4": "http://[2002:7f00:1::]:{port}/",
    "NAT64": "http://[64:ff9b::7f00:1]:{port}/",
    "NAT64 of a network's own, /96": "http://[2a01:4f8:122:344::7f00:1]:{port}/",
    "NAT64 of a network's own, /64": "http://[2a01:4f8:122:344:7f:0:100::]:{port}/",
    "NAT64 of a network's own, /48": "http://[2a01:4f8:122:7f00:0:100::]:{port}/",
    "NAT64 of a network's own, /32": "http://[2a01:4f8:7f00:1::]:{port}/",
    "NAT64 for local use": "http://[64:ff9b:1:7f00:0:100::]:{port}/",
    "Teredo": "http://[2001:0:7f00:1::]:{port}/",
    "a zone": "http://[fe80::1%25lo]:{port}/",
    "link-local": "http://169.254.1.1:{port}/",
    "metadata": "http://169.254.169.254/latest/meta-data/",
    "private": "http://10.0.0.1:{port}/",
    "unique local": "http://[fd00::1]:{port}/",
    "shared": "http://100.64.0.1:{port}/",
    "multicast": "http://224.0.0.1:{port}/",
    "broadcast": "http://255.255.255.255:{port}/",
    "credentials": "http://user:canary-word@127.0.0.1:{port}/",
    "credentials that look like a host": "http://example.com:80@127.0.0.1:{port}/",
    "a backslash": "http://example.com\\@127.0.0.1:{port}/",
    "a line break": "http://127.0.0.1:{port}/\r\nX-Injected: 1",
    "another scheme": "file:///etc/passwd",
    "gopher": "gopher://127.0.0.1:{port}/_GET",
}


@pytest.mark.parametrize("vector", DIRECT)
def test_an_address_behind_the_wall_is_refused(server: RawServer, vector: str) -> None:
    reason = _refused(server, DIRECT[vector].format(port=server.port), allow_private=False)
    assert "canary-word" not in reason


@pytest.mark.parametrize(
    "vector", ["metadata", "link-local", "multicast", "unspecified", "zero", "decimal", "octal", "credentials"]
)
def test_some_are_refused_whatever_is_allowed(server: RawServer, vector: str) -> None:
    _refused(server, DIRECT[vector].format(port=server.port), allow_private=True)


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["::ffff:127.0.0.1"], ["169.254.169.254"], ["10.1.2.3"], ["::1"]],
)
def test_a_name_that_resolves_behind_the_wall_is_refused(
    server: RawServer, resolve: Resolve, addresses: list[str]
) -> None:
    resolve("innocent.example", addresses)
    assert "innocent.example" in _refused(server, server.url("innocent.example"), allow_private=False)


def test_a_name_that_changes_between_look_and_leap_is_asked_for_once(server: RawServer, resolve: Resolve) -> None:
    # A second question would be answered with a port that nobody listens on there; the third not at all.
    resolve("rebinding.example", ["127.0.0.1"], ["127.0.0.2"])
    found = poll(server.url("rebinding.example"))
    assert values(found) == {("probe", "load"): 1.5}
    assert f"Host: rebinding.example:{server.port}" in server.requests[0]


def test_each_address_of_a_name_is_tried(server: RawServer, resolve: Resolve) -> None:
    # As localhost is ::1 and 127.0.0.1; nobody listens on the first of these.
    resolve("both.example", ["127.0.0.2", "127.0.0.1"])
    assert values(poll(server.url("both.example"))) == {("probe", "load"): 1.5}


def test_a_prefix_that_the_resolver_tells_of_is_looked_through(
    server: RawServer, resolve: Resolve, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Not of the form: the last bits are not zero.
    resolve("metrics.example", ["2a01:4f8:122:344:a9:fea9:fe00:1"])
    prefix = ipaddress.IPv6Network("2a01:4f8:122:344::/64")
    monkeypatch.setattr(nat64, "prefixes", lambda _: (prefix,))
    assert "a metadata service" in _refused(server, server.url("metrics.example"))


def test_a_proxy_of_the_environment_is_not_used(server: RawServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with RawServer(answer(b'{"value": 9}')) as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url(path=""))
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        assert values(poll(server.url())) == {("probe", "load"): 1.5}
    assert proxy.requests == []


def test_a_name_that_does_not_resolve_is_no_refusal(server: RawServer) -> None:
    assert isinstance(poll(server.url("nobody.invalid")).error, Unavailable)


LOCATIONS = {
    "link-local": "http://169.254.169.254/latest/meta-data/iam/",
    "another host": "http://localhost:{port}/other",
    "decimal": "http://2130706433:{port}/other",
    "octal": "http://0177.0.0.1:{port}/other",
    "IPv6-mapped": "http://[::ffff:127.0.0.1]:{port}/other",
    "credentials": "http://user:pass@127.0.0.1:{port}/other",
    "a file": "file:///etc/passwd",
    "another network path": "//169.254.169.254/latest/",
    "a backslash": "http:\\\\169.254.169.254\\",
    "half an address": "http://[::1",
    "longer than a library takes": "/" + "a" * 66_000,
}


@pytest.mark.parametrize("vector", LOCATIONS)
def test_a_redirect_is_checked_again(vector: str) -> None:
    with RawServer(GOOD) as other, RawServer(redirect(LOCATIONS[vector].format(port=other.port))) as server:
        found = poll(server.url())
        assert other.requests == []
    assert isinstance(found.error, CollectionFailed)
    assert ("too long" if vector == "longer than a library takes" else "a redirect from http://127.0.0.1") in str(
        found.error
    )
    assert len(server.requests) == 1


def test_redirects_end() -> None:
    with RawServer() as server:
        server.script = lambda _: [redirect("/again")]
        found = poll(server.url())
    assert "more than 5 redirects" in str(found.error)
    assert len(server.requests) == 6


def test_a_redirect_to_an_allowed_host_is_followed_without_the_secrets() -> None:
    with RawServer(GOOD) as other, RawServer(redirect(other.url("localhost"))) as server:
        auth: dict[str, Any] = {
            "auth": {"bearer": "canary-token"},
            "headers": {"X-Key": "canary-key"},
            "allow_plaintext": True,
        }
        found = poll(server.url(), allow_hosts=["localhost"], **auth)
    assert values(found) == {("probe", "load"): 1.5}
    assert "Authorization: Bearer canary-token" in server.requests[0]
    assert "X-Key: canary-key" in server.requests[0]
    assert "canary" not in other.requests[0]


def test_the_certificate_must_be_that_of_the_name(tmp_path: Path, resolve: Resolve) -> None:
    authority = trustme.CA()
    trusted = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(trusted)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("metrics.example").configure_cert(tls)
    resolve("metrics.example", ["127.0.0.1"])
    with RawServer(GOOD, tls) as server:
        found = poll(server.url("metrics.example"), ca_file=str(trusted))
        assert values(found) == {("probe", "load"): 1.5}
        for url, ca_file in (
            (server.url(), str(trusted)),  # the address alone is not what it was issued for
            (server.url("localhost"), str(trusted)),
            (server.url("localhost"), None),
        ):
            wrong = poll(url, ca_file=ca_file)
            assert isinstance(wrong.error, Unavailable)
            assert "certificate" in str(wrong.error).lower()


@pytest.mark.parametrize("text", ["8.8.8.8", "2606:4700::1111", "64:ff9b::808:808"])
def test_what_is_public_is_allowed(text: str) -> None:
    # The last: NAT64 is the way out of a network without IPv4.
    assert why_not(ipaddress.ip_address(text), allow_private=False) == ""


@pytest.mark.parametrize("text", ["127.0.0.1", "10.0.0.1", "::1", "fd00::1", "fec0::1", "::ffff:10.0.0.1"])
def test_what_is_private_can_be_allowed(text: str) -> None:
    assert why_not(ipaddress.ip_address(text), allow_private=False)
    assert not why_not(ipaddress.ip_address(text), allow_private=True)


@pytest.mark.parametrize("text", ["::ffff:169.254.169.254", "2002:a9fe:a9fe::", "64:ff9b::a9fe:a9fe", "fe80::1"])
def test_metadata_and_link_local_never_are(text: str) -> None:
    assert why_not(ipaddress.ip_address(text), allow_private=True)
