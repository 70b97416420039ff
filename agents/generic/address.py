"""Which addresses a polled source may have: nobody's document leads us to the machines behind the wall.

A source's host is resolved once, every address that it has is looked at, and the connection goes to that very address:
a name that resolves to another one a moment later changes nothing.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import NoReturn
from urllib.parse import SplitResult, urlsplit

from agents.generic import nat64
from telemetry.errors import CollectionFailed, Unavailable

Address = IPv4Address | IPv6Address

API = "http:GET"
"""What a request to an address is counted as."""
PORTS = {"http": 80, "https": 443}
_UNSAFE = re.compile(r"[\x00-\x20\x7f\\]")
_NUMERIC = re.compile(r"(0[xX][0-9a-fA-F]*|[0-9]+)(\.(0[xX][0-9a-fA-F]*|[0-9]+))*\.?")
# Where clouds tell any process its machine's credentials: never of use to a source, whatever is allowed.
_METADATA = frozenset(
    ipaddress.ip_address(text)
    for text in (
        "169.254.169.254",
        "169.254.170.2",
        "169.254.170.23",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "fd00:ec2::254",
        "fd00:ec2::23",
        "fd20:ce::254",
    )
)
# IPv6 addresses that stand for an IPv4 address, and the bits from the right at which that is.
_EMBEDDING = (
    (IPv6Network("::ffff:0:0/96"), 0),
    (IPv6Network("::ffff:0:0:0/96"), 0),
    (IPv6Network("::/96"), 0),
    (IPv6Network("64:ff9b::/96"), 0),
    (IPv6Network("2002::/16"), 80),
)
_ISATAP = frozenset({0x00005EFE, 0x02005EFE})
# What RFC 8215 keeps for prefixes of networks' own, of any length.
_LOCAL_NAT64 = IPv6Network("64:ff9b:1::/48")
_LOCAL_LENGTHS = tuple(length for length in nat64.LENGTHS if length >= _LOCAL_NAT64.prefixlen)
_TEREDO = IPv6Network("2001::/32")
_SHARED = IPv4Network("100.64.0.0/10")


@dataclass(frozen=True)
class Place:
    """Where one request goes."""

    scheme: str
    #: As it was written, for the Host header and the certificate.
    host: str
    port: int
    #: Path and query.
    target: str
    #: What the connection is made to: the first of them that takes it.
    addresses: tuple[Address, ...]

    @property
    def origin(self) -> tuple[str, str, int]:
        """Scheme, host and port."""
        return (self.scheme, self.host, self.port)

    @property
    def authority(self) -> str:
        """Host and port as the Host header has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    def pinned(self, address: Address) -> str:
        """The URL with an address in place of the host."""
        host = f"[{address}]" if isinstance(address, IPv6Address) else str(address)
        return f"{self.scheme}://{host}:{self.port}{self.target}"

    def __str__(self) -> str:
        # Without the query: it may hold a key.
        return f"{self.scheme}://{self.authority}{self.target.partition('?')[0]}"


def find(url: str, allow_hosts: Sequence[str], *, allow_private: bool, patience: float) -> Place:
    """Resolve and check an address; CollectionFailed says why it is refused, Unavailable that it does not resolve.

    ``allow_hosts``: names (``*.example.com`` for all below one) of which it must be one. ``allow_private`` lets
    private networks and this machine in; link-local, multicast and metadata addresses never are. ``patience``: seconds
    to wait for the resolver.
    """
    parts, host, port = _split(url)
    if not any(_matches(host, allowed) for allowed in allow_hosts):
        _refuse(f"host {host!r} is not among those allowed ({', '.join(allow_hosts)}): add it to allow_hosts")
    deadline = time.monotonic() + patience
    addresses = _resolve(host, port, patience)
    outside = any(isinstance(address, IPv6Address) and address.is_global for address in addresses)
    prefixes = nat64.prefixes(deadline - time.monotonic()) if outside else ()
    for address in addresses:
        if fault := why_not(address, allow_private=allow_private, prefixes=prefixes):
            _refuse(f"host {host!r} has the address {address}, which is {fault}")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Place(parts.scheme, host, port, target, tuple(addresses))


def why_not(address: Address, *, allow_private: bool, prefixes: tuple[IPv6Network, ...] = ()) -> str:
    """Why nothing may be asked at an address; empty where it may. ``prefixes``: of translators of this network."""
    translated = nat64.hidden(address, prefixes) if isinstance(address, IPv6Address) else ()
    for one in (address, *_embedded(address), *translated):
        if one in _METADATA:
            return "a metadata service of a cloud: that is never allowed"
        if one.is_unspecified or one.is_multicast or one.is_link_local or _is_nobodys(one):
            return "link-local, multicast, unspecified or reserved: that is never allowed"
        # Python calls fec0::/10, the private network of old, global.
        private = not one.is_global or one in _SHARED or (isinstance(one, IPv6Address) and one.is_site_local)
        if private and not allow_private:
            return "of this machine or a private network: set allow_private, if that is meant"
    return ""


def _is_nobodys(address: Address) -> bool:
    # Python calls all of ::/8 reserved, ::1 and what stands for IPv4 addresses included.
    return address.is_reserved and not address.is_loopback and not _embedded(address)


def _embedded(address: Address) -> tuple[IPv4Address, ...]:
    if isinstance(address, IPv4Address):
        return ()
    number = int(address)
    found = [IPv4Address(number >> shift & 0xFFFFFFFF) for network, shift in _EMBEDDING if address in network]
    if address in _LOCAL_NAT64:
        found += [nat64.inside(address, length) for length in _LOCAL_LENGTHS]
    if number >> 32 & 0xFFFFFFFF in _ISATAP:
        found.append(IPv4Address(number & 0xFFFFFFFF))
    if address in _TEREDO:
        found += [IPv4Address(number >> 64 & 0xFFFFFFFF), IPv4Address(~number & 0xFFFFFFFF)]
    # ::1 and :: are themselves.
    return () if address in {IPv6Address("::"), IPv6Address("::1")} else tuple(found)


def _split(url: str) -> tuple[SplitResult, str, int]:
    if _UNSAFE.search(url):
        _refuse("the address holds a space, a backslash or a control character: percent-encode it")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        _refuse(f"the address cannot be read: {error}")
    if parts.scheme not in PORTS:
        _refuse(f"scheme {parts.scheme!r}: only http and https are asked")
    if "@" in parts.netloc:
        _refuse("the address holds a user or password: use auth")
    if not host or "%" in host:
        _refuse("the address has no host, or one with a zone or an escape in it")
    return parts, _name(host), port if port is not None else PORTS[parts.scheme]


def _name(host: str) -> str:
    """The host in the one form that it is compared and resolved in."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        pass
    try:
        name = host.encode("idna").decode("ascii").lower().rstrip(".")
    except UnicodeError:
        _refuse(f"host {host!r} is not a name that can be resolved")
    if not name or _NUMERIC.fullmatch(name):
        # Resolvers read 2130706433, 0x7f.1 and 0177.0.0.1 as addresses too.
        _refuse(f"host {host!r} is a number: write the address with four decimal parts")
    return name


def _matches(host: str, allowed: str) -> bool:
    if allowed.startswith("*."):
        return host.endswith("." + _name(allowed[2:]))
    return host == _name(allowed.strip("[]"))


def _resolve(host: str, port: int, patience: float) -> list[Address]:
    """All addresses of a host, once each."""
    found: list[Address] = []
    fault = "the resolver did not answer in time"
    done = threading.Event()

    def ask() -> None:
        nonlocal fault
        try:
            rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found.extend(dict.fromkeys(ipaddress.ip_address(str(row[4][0]).partition("%")[0]) for row in rows))
            fault = "it has no address"
        except (OSError, UnicodeError) as error:
            fault = str(error)
        done.set()

    # The system's resolver knows no deadline.
    threading.Thread(target=ask, name="resolve", daemon=True).start()
    if not done.wait(max(0.0, patience)) or not found:
        raise Unavailable(f"host {host!r} cannot be resolved: {fault}")
    return list(found)


def _refuse(reason: str) -> NoReturn:
    raise CollectionFailed(f"refused: {reason}")
