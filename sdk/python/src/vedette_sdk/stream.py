"""What stands behind a descriptor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import net
from .values import stream_kind, stream_mark

if TYPE_CHECKING:
    from . import _raw
    from .batch import Batch
    from .net import Address

Object = tuple[str, int, int]
"""What two processes can share and talk through: its kind and the kernel's identity of it. Both
ends of a pair are the same object."""


def shared_object(kind: int, id: int, other: int, port: int) -> Object | None:
    """The object of a stream's kind, `id`, `other` and `port`."""
    match kind:
        case stream_kind.PIPE:
            return "pipe", id, 0
        case stream_kind.FIFO:
            return "fifo", id, other
        case stream_kind.TERMINAL | stream_kind.TERMINAL_MASTER:
            return "terminal", id, port
        case stream_kind.INET:
            return "inet", id, 0
        case stream_kind.UNIX:
            return "unix", min(id, other), max(id, other)
    return None


class Stream:
    """What a standard descriptor of a process is."""

    __slots__ = ("_batch", "_raw")

    def __init__(self, batch: Batch, raw: _raw.Stream) -> None:
        self._batch = batch
        self._raw = raw

    @property
    def fd(self) -> int:
        """The descriptor's number."""
        return self._raw.fd

    @property
    def kind(self) -> int:
        """One of `values.stream_kind`."""
        return self._raw.kind

    @property
    def marks(self) -> int:
        """Bits of `values.stream_mark`."""
        return self._raw.marks

    def has(self, marks: int) -> bool:
        """Whether any of these bits of `values.stream_mark` is set."""
        return self._raw.marks & marks != 0

    @property
    def id(self) -> int:
        """Inode of the pipe, fifo, socket or file; device of the terminal's devpts."""
        return self._raw.id

    @property
    def other(self) -> int:
        """Inode of the peer of a unix socket; device of a fifo or a file."""
        return self._raw.other

    @property
    def port(self) -> int:
        """Remote port of a socket, index of a terminal."""
        return self._raw.port

    @property
    def address(self) -> bytes:
        """Remote address (4 or 16 bytes), path of a unix socket or file, or empty."""
        return self._batch.span(self._raw.address)

    @property
    def ip(self) -> Address | None:
        """Remote address of an internet socket."""
        return net.ip(self.address) if self._raw.kind == stream_kind.INET else None

    @property
    def is_outbound(self) -> bool:
        """Whether it is an internet connection that this side made."""
        return self._raw.kind == stream_kind.INET and self.has(stream_mark.OUTBOUND)

    @property
    def is_accepted(self) -> bool:
        """Whether it is an internet connection that this side accepted."""
        return self._raw.kind == stream_kind.INET and self.has(stream_mark.ACCEPTED)

    @property
    def object(self) -> Object | None:
        """The object behind it, the same for everybody who shares it."""
        return shared_object(self._raw.kind, self._raw.id, self._raw.other, self._raw.port)
