"""Internet addresses."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network

Address = IPv4Address | IPv6Address
_UNIQUE_LOCAL = IPv6Network("fc00::/7")


def ip(address: bytes) -> Address | None:
    """The address in 4 or 16 bytes. An IPv4 address inside IPv6 comes out as IPv4."""
    if len(address) == 4:
        return IPv4Address(address)
    if len(address) != 16:
        return None
    v6 = IPv6Address(address)
    return v6.ipv4_mapped or v6


def is_private(address: Address) -> bool:
    """Whether it is in a range that is not routed on the public internet."""
    if address.is_loopback or address.is_link_local:
        return True
    if isinstance(address, IPv6Address):
        return address in _UNIQUE_LOCAL
    first, second = address.packed[:2]
    return first == 10 or (first == 172 and second & 0xF0 == 16) or (first, second) == (192, 168)


def endpoint(address: bytes, port: int) -> str:
    """`address:port` as people write it, or the path of a unix socket."""
    match ip(address):
        case IPv4Address() as v4:
            return f"{v4}:{port}"
        case IPv6Address() as v6:
            return f"[{v6}]:{port}"
    return address.decode(errors="replace")
