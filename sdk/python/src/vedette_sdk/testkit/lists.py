"""The operator's lists of a test, in the form that the agent reads."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_network
from typing import TYPE_CHECKING

from .. import net
from ..intel import Hit
from ..values import indicator

if TYPE_CHECKING:
    from ipaddress import IPv4Network, IPv6Network

_BETWEEN = re.compile(r"[\s,;#]+")
_HASH = re.compile(r"[0-9a-fA-F]{64}")
_NAME = re.compile(r"[A-Za-z0-9._-]+")


@dataclass(frozen=True)
class _Line:
    list: str
    entry: IPv4Network | IPv6Network | bytes | str
    """A network, a SHA-256 or a domain."""
    note: str


class Lists:
    """Lists, in the order of their names."""

    def __init__(self) -> None:
        self._lines: list[_Line] = []
        self.texts: dict[str, str] = {}
        """By name, as they were given."""

    def add(self, name: str, lines: str) -> None:
        """A further list, or further lines of one."""
        for line in map(str.strip, lines.splitlines()):
            if not line or line[0] in "#;":
                continue
            entry, *note = _BETWEEN.split(line, maxsplit=1)
            self._lines.append(_Line(name, _parse(entry), "".join(note)))
        self._lines.sort(key=lambda line: line.list)
        self.texts[name] = self.texts.get(name, "") + lines + "\n"

    def look_up(self, kind: int, value: bytes) -> list[Hit] | None:
        """The entries that match, the narrowest first; nothing where the value has not the form of
        its kind."""
        found: list[tuple[int, Hit]] = []
        match kind:
            case indicator.ADDRESS:
                address = net.ip(value)
                if address is None:
                    return None
                for line in self._lines:
                    network = line.entry
                    if isinstance(network, (bytes, str)) or address not in network:
                        continue
                    free = network.max_prefixlen - network.prefixlen
                    text = str(network) if free else str(network.network_address)
                    found.append((free, Hit(line.list, text, line.note)))
            case indicator.DOMAIN:
                name = _folded(value.decode(errors="replace"))
                for line in self._lines:
                    domain = line.entry
                    if isinstance(domain, str) and (name == domain or name.endswith("." + domain)):
                        found.append((len(name) - len(domain), Hit(line.list, domain, line.note)))
            case indicator.HASH if len(value) == 32:
                found = [
                    (0, Hit(line.list, value.hex(), line.note))
                    for line in self._lines
                    if line.entry == value
                ]
            case _:
                return None
        return [hit for _, hit in sorted(found, key=lambda one: one[0])]


def _folded(name: str) -> str:
    return name.removesuffix(".").lower()


def _parse(text: str) -> IPv4Network | IPv6Network | bytes | str:
    if _HASH.fullmatch(text):
        return bytes.fromhex(text)
    try:
        return ip_network(text, strict=False)
    except ValueError:
        name = _folded(text.removeprefix("*").removeprefix("."))
        if not _NAME.fullmatch(name):
            raise ValueError(f"{text!r} is no address, network, domain or SHA-256") from None
        return name
