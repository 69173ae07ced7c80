"""What the agent knows beyond a batch, as it was when an event of this batch happened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import net
from ._host import ask, record, service
from .batch import Batch
from .finding import id_of, key_of
from .values import stream_kind
from .views import Event

if TYPE_CHECKING:
    from .net import Address
    from .process import Container, Process

_host = service("context")


@dataclass(frozen=True)
class Socket:
    """A socket that a process has open."""

    fd: int = 0
    """The descriptor's number."""
    kind: int = stream_kind.INET
    """One of `values.stream_kind`."""
    marks: int = 0
    """Bits of `values.stream_mark`."""
    family: int = 0
    """Address family: AF_INET is 2, AF_INET6 10, AF_UNIX 1."""
    inode: int = 0
    """Inode of the socket."""
    local: bytes = b""
    """4 or 16 bytes, or the path of a unix socket."""
    remote: bytes = b""
    """4 or 16 bytes, or the path of a unix socket."""
    local_port: int = 0
    """Local port."""
    remote_port: int = 0
    """Remote port."""

    @property
    def remote_ip(self) -> Address | None:
        """Remote address of an internet socket."""
        return net.ip(self.remote) if self.family in (2, 10) else None


def process(event: Event | int, key: Process | int) -> Process | None:
    """The process with this key and its lineage, as they were at the event."""
    return Batch(ask(_host.process, id_of(event), key_of(key))).process(0)


def children(event: Event | int, key: Process | int, most: int = 256) -> list[Process]:
    """The living children of a process, oldest first."""
    return _first(*ask(_host.children, id_of(event), key_of(key), most))


def members(event: Event | int, container: Container | int, most: int = 256) -> list[Process]:
    """The living processes of a container, oldest first."""
    return _first(*ask(_host.members, id_of(event), key_of(container), most))


def sockets(event: Event | int, key: Process | int) -> list[Socket]:
    """The sockets that a process has open when the agent looks, a moment after the event."""
    return [record(Socket, raw) for raw in ask(_host.sockets, id_of(event), key_of(key))]


def _first(number: int, raw: object) -> list[Process]:
    batch = Batch(raw)  # type: ignore[arg-type]
    rows = (batch.process(row) for row in range(number))
    return [row for row in rows if row is not None]
