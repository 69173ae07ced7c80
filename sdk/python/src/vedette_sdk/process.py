"""A process and its container, as they were at the moment of an event."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import cmdline
from .stream import Stream
from .values import container_mark, image_class, process_mark

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from . import _raw
    from .batch import Batch

# Numbers of a container's attributes: those of the catalogue's kind `container`.
_DIGEST, _LABEL, _MOUNT, _CAPABILITIES, _POD_UID, _OUTER = 4, 5, 6, 8, 9, 10


class Process:
    """A process as it was at the moment of the event that refers to it.

    Two are equal if they are the same process, at whatever moments.
    """

    __slots__ = ("_batch", "_raw")

    def __init__(self, batch: Batch, raw: _raw.Process) -> None:
        self._batch = batch
        self._raw = raw

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Process) and self._raw.key == other._raw.key

    def __hash__(self) -> int:
        return self._raw.key

    @property
    def key(self) -> int:
        """Stable for the life of the process: the same in every batch."""
        return self._raw.key

    @property
    def pid(self) -> int:
        """In the initial pid namespace."""
        return self._raw.pid

    @property
    def parent(self) -> Process | None:
        """Its parent as it was when this process began."""
        return self._batch.process(self._raw.parent)

    def lineage(self) -> Iterator[Process]:
        """The process itself and its ancestors, nearest first."""
        process: Process | None = self
        # Bounds a chain that bites its tail.
        for _ in range(len(self._batch.raw.processes)):
            if process is None:
                return
            yield process
            process = process.parent

    def ancestors(self) -> Iterator[Process]:
        """Its ancestors, nearest first."""
        lineage = self.lineage()
        next(lineage, None)
        return lineage

    def ancestor(self, matches: Callable[[Process], bool]) -> Process | None:
        """The nearest ancestor for which this holds."""
        return next(filter(matches, self.ancestors()), None)

    def descends_from(self, key: int) -> bool:
        """Whether a process with this key is among its ancestors."""
        return any(process.key == key for process in self.ancestors())

    @property
    def container(self) -> Container | None:
        """The container that it is in."""
        rows = self._batch.raw.containers
        row = self._raw.container
        return Container(self._batch, rows[row]) if row < len(rows) else None

    def shares_container(self, other: Process) -> bool:
        """Whether both are in one container, or both in none."""
        return self.container == other.container

    @property
    def uid(self) -> int:
        """Real user id."""
        return self._raw.uid

    @property
    def gid(self) -> int:
        """Real group id."""
        return self._raw.gid

    @property
    def marks(self) -> int:
        """Bits of `values.process_mark`."""
        return self._raw.marks

    def has(self, marks: int) -> bool:
        """Whether any of these bits of `values.process_mark` is set."""
        return self._raw.marks & marks != 0

    @property
    def is_joining(self) -> bool:
        """Whether its image was executed outside of the container that it is in: a runtime that
        is setting the container up."""
        return self.has(process_mark.JOINING)

    @property
    def in_host_mounts(self) -> bool:
        """Whether it is in the mount namespace of the machine's init."""
        return self.has(process_mark.HOST_MOUNT_NAMESPACE)

    @property
    def in_host_pids(self) -> bool:
        """Whether it is in the pid namespace of the machine's init."""
        return self.has(process_mark.HOST_PID_NAMESPACE)

    @property
    def image(self) -> int:
        """What the executed file is by its content: one of `values.image_class`."""
        return self._raw.image

    @property
    def is_shell(self) -> bool:
        """Whether it is a shell by the content of its file; of a file with many applets, by the
        applet that it was called as."""
        image = self._raw.image
        if image == image_class.MULTICALL_SHELL:
            return cmdline.is_shell_applet(self.args)
        return image == image_class.SHELL

    @property
    def is_interpreter(self) -> bool:
        """Whether it is the runtime of a scripting language."""
        return self._raw.image == image_class.INTERPRETER

    @property
    def start(self) -> int:
        """Start of the process, ns since boot."""
        return self._raw.start

    @property
    def capabilities(self) -> int:
        """Effective capabilities."""
        return self._raw.capabilities

    @property
    def image_file(self) -> tuple[int, int]:
        """Inode and device of the executed file."""
        return self._raw.inode, self._raw.device

    @property
    def exe(self) -> bytes:
        """Path of the executed file in the process's own root."""
        return self._batch.span(self._raw.exe)

    @property
    def command_line(self) -> bytes:
        """The command line: a NUL between arguments."""
        return self._batch.span(self._raw.args)

    @property
    def args(self) -> list[bytes]:
        """The arguments, the name that it was called by first."""
        return cmdline.split(self.command_line)

    @property
    def args_len(self) -> int:
        """Length of the whole command line in bytes; `args` may hold less."""
        return self._raw.args_len

    @property
    def cwd(self) -> bytes:
        """Working directory."""
        return self._batch.span(self._raw.cwd)

    @property
    def comm(self) -> bytes:
        """Command name, which a process can set itself: for display only."""
        return self._batch.span(self._raw.comm)

    @property
    def streams(self) -> list[Stream]:
        """Standard input, output and error, those that are open."""
        first = self._raw.streams.first
        rows = self._batch.raw.streams[first : first + self._raw.streams.count]
        return [Stream(self._batch, raw) for raw in rows]

    def stream(self, fd: int) -> Stream | None:
        """The stream behind this descriptor."""
        return next((s for s in self.streams if s.fd == fd), None)

    @property
    def stdin(self) -> Stream | None:
        """Standard input."""
        return self.stream(0)

    @property
    def stdout(self) -> Stream | None:
        """Standard output."""
        return self.stream(1)

    @property
    def stderr(self) -> Stream | None:
        """Standard error."""
        return self.stream(2)

    def attr(self, key: int) -> int | None:
        """Value of the attribute with this key."""
        found = self._batch.attr(self._raw.attrs, key)
        return found.value if found is not None else None

    def __repr__(self) -> str:
        return f"<process {self.pid} {self.exe!r}>"


class Container:
    """A container. Two are equal if they are the same container."""

    __slots__ = ("_batch", "_raw")

    def __init__(self, batch: Batch, raw: _raw.Container) -> None:
        self._batch = batch
        self._raw = raw

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Container) and self._raw.key == other._raw.key

    def __hash__(self) -> int:
        return self._raw.key

    @property
    def key(self) -> int:
        """Stable for the life of the container: the same in every batch."""
        return self._raw.key

    @property
    def id(self) -> bytes:
        """The runtime's id; empty while it is not known."""
        return self._batch.span(self._raw.id)

    @property
    def name(self) -> bytes:
        """The runtime's name of it; empty while it is not known."""
        return self._batch.span(self._raw.name)

    @property
    def image(self) -> bytes:
        """Its image; empty while it is not known."""
        return self._batch.span(self._raw.image)

    @property
    def pod(self) -> bytes:
        """Its pod; empty where there is none."""
        return self._batch.span(self._raw.pod)

    @property
    def namespace(self) -> bytes:
        """The pod's namespace; empty where there is none."""
        return self._batch.span(self._raw.namespace)

    @property
    def marks(self) -> int:
        """Bits of `values.container_mark`."""
        return self._raw.marks

    @property
    def is_privileged(self) -> bool:
        """Whether it was started with every capability."""
        return self._raw.marks & container_mark.PRIVILEGED != 0

    @property
    def digest(self) -> bytes:
        """Digest of its image; empty while it is not known."""
        return next(iter(self._texts(_DIGEST)), b"")

    @property
    def labels(self) -> list[bytes]:
        """Its labels, `KEY=VALUE` each."""
        return self._texts(_LABEL)

    def label(self, key: str) -> bytes | None:
        """Value of the label with this key."""
        begin = key.encode() + b"="
        return next((label[len(begin) :] for label in self.labels if label.startswith(begin)), None)

    @property
    def mounts(self) -> list[bytes]:
        """What of the machine is mounted into it, `SOURCE:DESTINATION:OPTIONS` each."""
        return self._texts(_MOUNT)

    @property
    def capabilities(self) -> int | None:
        """Its bounding set of capabilities, once that is known."""
        found = self._batch.attr(self._raw.attrs, _CAPABILITIES)
        return found.value if found is not None else None

    @property
    def pod_uid(self) -> bytes:
        """Uid of its pod; empty where there is none."""
        return next(iter(self._texts(_POD_UID)), b"")

    @property
    def outer(self) -> bytes:
        """Id of the container that it was made in; empty where it was made in none."""
        return next(iter(self._texts(_OUTER)), b"")

    def _texts(self, key: int) -> list[bytes]:
        return self._batch.texts(self._raw.attrs, key)

    def __repr__(self) -> str:
        return f"<container {self.id!r}>"
