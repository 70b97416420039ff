"""IPv4 addresses in IPv6 addresses, at each place that RFC 6052 has for one."""

import ipaddress
import random
import socket
import threading
from ipaddress import IPv4Address, IPv6Address, IPv6Network

import pytest

from agents.generic import nat64
from agents.generic.address import why_not

# RFC 6052, section 2.4: 192.0.2.33 behind each length of prefix.
VECTORS = {
    32: "2001:db8:c000:221::",
    40: "2001:db8:1c0:2:21::",
    48: "2001:db8:122:c000:2:2100::",
    56: "2001:db8:122:3c0:0:221::",
    64: "2001:db8:122:344:c0:2:2100::",
    96: "2001:db8:122:344::192.0.2.33",
}
NETWORKS = {
    32: "2a01:4f8::/32",
    40: "2a01:4f8:100::/40",
    48: "2a01:4f8:122::/48",
    56: "2a01:4f8:122:300::/56",
    64: "2a01:4f8:122:344::/64",
    96: "2a01:4f8:122:344::/96",
}
FORBIDDEN = {
    "169.254.169.254": "metadata",
    "168.63.129.16": "metadata",
    "100.100.100.200": "metadata",
    "169.254.1.1": "link-local",
    "127.0.0.1": "private",
    "10.0.0.1": "private",
    "172.31.255.254": "private",
    "192.168.1.1": "private",
    "100.64.0.1": "private",
}
PUBLIC = (
    "2606:4700::1111",
    "2606:4700:4700::1001",
    "2001:4860:4860::8888",
    "2001:4860:4860::64",
    "2620:fe::fe",
    "2620:fe::9",
    "2a00:1450:4001:82b::200e",
    "2607:f8b0:4004:c07::71",
    "2a03:2880:f12f:83:face:b00c:0:25de",
    "2606:50c0:8000::153",
    "2a04:4e42::223",
    "2600:1f18:24e6:b900:a9fe:a9fe:1:2",
    "2600:9000:2490:8e00:1d:ac10:1:93a1",
    "2a01:4f8:c0c:a00::1",
    "2a01:4f8:a9fe:a9fe::1",
    "2a05:d018:a00:1::53",
    "2001:67c:2e8:22::c100:68b",
    "2a02:26f0:6c00::210:ba1b",
    "2001:db8:122:344:42:acff:fe11:2".replace("2001:db8", "2a01:4f8"),
)


def _embed(network: str, text: str) -> IPv6Address:
    """As section 2.2 says, octet by octet."""
    prefix = IPv6Network(network)
    octets = bytearray(prefix.network_address.packed)
    places = [place for place in range(prefix.prefixlen // 8, 16) if place != 8]
    for place, octet in zip(places, IPv4Address(text).packed, strict=False):
        octets[place] = octet
    return IPv6Address(bytes(octets))


@pytest.mark.parametrize("length", VECTORS)
def test_the_vectors_of_the_document(length: int) -> None:
    address = IPv6Address(VECTORS[length])
    assert nat64.inside(address, length) == IPv4Address("192.0.2.33")
    assert nat64.has_form(address, length)


@pytest.mark.parametrize("length", NETWORKS)
@pytest.mark.parametrize("text", FORBIDDEN)
def test_what_is_behind_the_wall_is_found_behind_any_prefix(length: int, text: str) -> None:
    address = _embed(NETWORKS[length], text)
    assert nat64.inside(address, length) == IPv4Address(text)
    fault = why_not(address, allow_private=False)
    assert FORBIDDEN[text] in fault
    allowed = FORBIDDEN[text] == "private"
    assert bool(why_not(address, allow_private=True)) is not allowed


@pytest.mark.parametrize("length", NETWORKS)
def test_what_is_public_passes_behind_any_prefix(length: int) -> None:
    for text in ("8.8.8.8", "1.1.1.1", "172.32.0.1", "192.169.0.1", "100.128.0.1"):
        address = _embed(NETWORKS[length], text)
        assert why_not(address, allow_private=False, prefixes=(IPv6Network(NETWORKS[length]),)) == ""


@pytest.mark.parametrize("length", NETWORKS)
def test_below_a_prefix_that_is_known_no_bit_hides_anything(length: int) -> None:
    prefix = IPv6Network(NETWORKS[length])
    for text in ("169.254.169.254", "0.0.0.0", "224.0.0.1", "255.255.255.255"):  # noqa: S104 - nothing listens
        rest = 1 if length < 96 else 0
        address = IPv6Address(int(_embed(NETWORKS[length], text)) | rest)
        assert "never allowed" in why_not(address, allow_private=True, prefixes=(prefix,))
        if length < 96:
            odd = IPv6Address(int(address) | 0xFF << 56)
            assert "never allowed" in why_not(odd, allow_private=True, prefixes=(prefix,))


@pytest.mark.parametrize("length", [48, 56, 64, 96])
def test_the_prefix_for_local_use_is_looked_through_at_every_length(length: int) -> None:
    assert why_not(_embed(f"64:ff9b:1::/{length}", "169.254.169.254"), allow_private=True)


@pytest.mark.parametrize("text", PUBLIC)
def test_ordinary_addresses_pass(text: str) -> None:
    assert why_not(ipaddress.ip_address(text), allow_private=False) == ""


def test_of_addresses_at_random_hardly_any_is_refused() -> None:
    chance = random.Random(6052)
    network = int(IPv6Address("2a01:4f8:122:344::"))
    refused = sum(
        bool(why_not(IPv6Address(network | chance.getrandbits(64)), allow_private=False)) for _ in range(50_000)
    )
    assert refused < 15


@pytest.mark.parametrize("length", NETWORKS)
def test_the_prefix_of_a_network_is_what_its_resolver_says(length: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [_embed(NETWORKS[length], text) for text in ("192.0.0.170", "192.0.0.171")]

    def getaddrinfo(host: str, *_: object, **__: object) -> list[tuple[object, ...]]:
        assert host == "ipv4only.arpa"
        asked.append(host)
        return [(socket.AF_INET6, socket.SOCK_STREAM, 6, "", (str(row), 0, 0, 0)) for row in rows]

    asked: list[str] = []
    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(nat64, "_prefixes", nat64._Prefixes())
    assert nat64.prefixes(5) == (IPv6Network(NETWORKS[length]),)
    assert nat64.prefixes(5) == (IPv6Network(NETWORKS[length]),)
    assert len(asked) == 1


def test_a_resolver_that_says_nothing_or_hangs_costs_little(monkeypatch: pytest.MonkeyPatch) -> None:
    done = threading.Event()

    def none(*_: object, **__: object) -> list[tuple[object, ...]]:
        raise socket.gaierror(socket.EAI_NONAME, "no")

    def hang(*_: object, **__: object) -> list[tuple[object, ...]]:
        done.wait(20)
        return []

    for resolver in (none, hang):
        monkeypatch.setattr(socket, "getaddrinfo", resolver)
        monkeypatch.setattr(nat64, "_prefixes", nat64._Prefixes())
        assert nat64.prefixes(0.05) == ()
        assert nat64.prefixes(0.05) == ()
    done.set()
