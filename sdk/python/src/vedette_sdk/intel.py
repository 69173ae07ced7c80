"""Lists of addresses, domains and hashes that the operator supplies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ._host import as_bytes, ask, service
from .values import indicator

_host = service("intel")


@dataclass(frozen=True)
class Hit:
    """An entry of a list that matches."""

    list: str
    """The list's name."""
    entry: str
    """The entry: for an address the network, for a domain the domain above it."""
    note: str
    """What the list says of it."""


def address(value: bytes) -> list[Hit]:
    """The entries that match an address of 4 or 16 bytes."""
    return _look_up(indicator.ADDRESS, value)


def domain(name: bytes | str) -> list[Hit]:
    """The entries that match a domain."""
    return _look_up(indicator.DOMAIN, as_bytes(name))


def digest(value: bytes) -> list[Hit]:
    """The entries that match a SHA-256."""
    return _look_up(indicator.HASH, value)


def _look_up(kind: int, value: bytes) -> list[Hit]:
    found: list[Any] = ask(_host.look_up, kind, value)
    return [Hit(list=raw.list, entry=raw.entry, note=raw.note) for raw in found]
