"""IPv4 addresses inside of IPv6 addresses, as translators make them by RFC 6052.

A translator (NAT64) sends what goes to ``prefix + IPv4 address`` on to that IPv4 address: who names such an address
reaches machines behind the wall that speak no IPv6. The prefix is 64:ff9b::/96, or one of the network's own::

    length   where the IPv4 address is       bits 64 to 71 are zero, and what follows the address as well
    /32      bits 32 to 63
    /40      bits 40 to 63, and 72 to 79
    /48      bits 48 to 63, and 72 to 87
    /56      bits 56 to 63, and 72 to 95
    /64      bits 72 to 103
    /96      bits 96 to 127

A prefix of the network's own looks like any other. Two rules find it, and each covers what the other cannot:

- The resolver of such a network says its prefix (RFC 7050): ipv4only.arpa has no IPv6 address but those that it makes.
  What is below that prefix is a translated address, whatever its other bits are.
- A resolver may not say it. So an address that has the form above is taken for a translated one where the IPv4 address
  would be one behind the wall. Ordinary ones have not that form: with /32 to /64 the last 24 bits and more are zero,
  which no machine has. With /96 only eight bits are fixed: of addresses at random, one in 30,000 is refused, and the
  numbers that people write (::1, ::53, ::200e) are in 0.0.0.0/8, which is nobody's.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

LENGTHS = (32, 40, 48, 56, 64, 96)
_NAME = "ipv4only.arpa"
_KNOWN_BY = (IPv4Address("192.0.0.170"), IPv4Address("192.0.0.171"))
_BEHIND_THE_WALL = tuple(
    IPv4Network(text)
    for text in (
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "168.63.129.16/32",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.192/32",
        "192.168.0.0/16",
    )
)
_KEPT = 600.0
_PATIENCE = 2.0
"""Seconds for the resolver: one that does not answer must not cost a poll its time."""


def inside(address: IPv6Address, length: int) -> IPv4Address:
    """The IPv4 address that is in ``address`` behind a prefix of that length."""
    number = int(address)
    if length == 96:  # noqa: PLR2004 - see above
        return IPv4Address(number & 0xFFFFFFFF)
    # Without the octet of bits 64 to 71, all of them are in one piece.
    packed = (number >> 64 << 56) | (number & ((1 << 56) - 1))
    return IPv4Address(packed >> (88 - length) & 0xFFFFFFFF)


def has_form(address: IPv6Address, length: int) -> bool:
    """Whether the bits that RFC 6052 wants to be zero behind a prefix of that length are."""
    number = int(address)
    if number >> 56 & 0xFF:
        return False
    rest = 0 if length == 96 else 88 - length  # noqa: PLR2004 - see above
    return not number & ((1 << rest) - 1)


def hidden(address: IPv6Address, prefixes: tuple[IPv6Network, ...] = ()) -> Iterator[IPv4Address]:
    """The IPv4 addresses that ``address`` may stand for: below one of ``prefixes``, or by its form."""
    for prefix in prefixes:
        if address in prefix:
            yield inside(address, prefix.prefixlen)
    for length in LENGTHS:
        found = inside(address, length)
        if has_form(address, length) and any(found in network for network in _BEHIND_THE_WALL):
            yield found


class _Prefixes:
    """The prefixes of this network, asked for now and then."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: tuple[IPv6Network, ...] = ()
        self._until = 0.0
        self._asking: threading.Event | None = None

    def get(self, patience: float) -> tuple[IPv6Network, ...]:
        """Those that the resolver says, or said before where it does not answer within ``patience`` seconds."""
        with self._lock:
            if time.monotonic() < self._until:
                return self._known
            done = self._asking
            if done is None:
                done = self._asking = threading.Event()
                # The system's resolver knows no deadline.
                threading.Thread(target=self._ask, args=[done], name="nat64", daemon=True).start()
        done.wait(max(0.0, min(patience, _PATIENCE)))
        with self._lock:
            return self._known

    def _ask(self, done: threading.Event) -> None:
        found: tuple[IPv6Network, ...] | None = None
        try:
            rows = socket.getaddrinfo(_NAME, None, family=socket.AF_INET6, type=socket.SOCK_STREAM)
            found = prefixes_of([ipaddress.ip_address(str(row[4][0]).partition("%")[0]) for row in rows])
        except socket.gaierror as error:
            if error.errno != socket.EAI_AGAIN:
                found = ()  # there is none: no translator, or one that its resolver does not tell of
        except (OSError, UnicodeError, ValueError):
            pass
        with self._lock:
            self._known = self._known if found is None else found
            self._until = time.monotonic() + (_KEPT if found is not None else _KEPT / 10)
            self._asking = None
        done.set()


def prefixes_of(addresses: list[IPv4Address | IPv6Address]) -> tuple[IPv6Network, ...]:
    """The prefixes of a network whose resolver gives ipv4only.arpa these addresses."""
    found = [
        IPv6Network((int(address) >> (128 - length) << (128 - length), length))
        for address in addresses
        for length in LENGTHS
        if isinstance(address, IPv6Address) and inside(address, length) in _KNOWN_BY
    ]
    return tuple(dict.fromkeys(found))


_prefixes = _Prefixes()


def prefixes(patience: float) -> tuple[IPv6Network, ...]:
    """The translators' prefixes of this network, as far as its resolver tells them within ``patience`` seconds."""
    return _prefixes.get(patience)
