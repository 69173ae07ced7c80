"""Telling the story."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from .. import _guest, kind
from .._plugin import Plugin, Snapshot
from ..values import image_class, process_mark, stream_kind, stream_mark
from . import component, services
from .lists import Lists
from .services.given import File, Given
from .tables import MomentRow, batch_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .. import _raw
    from ..context import Socket
    from ..file import ElfFacts, Facts

    Batch = list["Told"]
    Found = list[_raw.Finding]
    Sockets = list[Socket]

_STEP = 1_000_000
"""ns between two events of a story."""

_CLOCK_STEP = 100_000_000
"""Step of the time that services see, ns: no batch spans two."""

_TIMERS = 0xFFFE << 48
"""Numbers of timers' events begin here, as in the agent."""

_TCP = 2 | 1 << 16
"""AF_INET and SOCK_STREAM as an event carries them."""


def _bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


@dataclass(frozen=True)
class Actor:
    """A process of the story."""

    index: int

    @property
    def key(self) -> int:
        """The stable key of its rows."""
        return 0x1000 + self.index

    @property
    def pid(self) -> int:
        """Its pid."""
        return 100 + self.index


class Exec:
    """An image to execute: a file that is neither shell nor interpreter, unless it is said."""

    def __init__(self, exe: str | bytes, *args: str | bytes) -> None:
        self.exe = _bytes(exe)
        self.args = b"\0".join(map(_bytes, args)) or self.exe
        self.image = image_class.OTHER
        self.marks = 0

    def shell(self) -> Exec:
        """It is a shell by its content."""
        return self.of_class(image_class.SHELL)

    def interpreter(self) -> Exec:
        """It is the runtime of a scripting language by its content."""
        return self.of_class(image_class.INTERPRETER)

    def of_class(self, image: int) -> Exec:
        """It is of this class."""
        self.image = image
        return self

    def marked(self, marks: int) -> Exec:
        """Its row has these marks too."""
        self.marks |= marks
        return self


@dataclass(frozen=True)
class Fd:
    """What to put behind a descriptor."""

    kind: int
    id: int
    other: int = 0
    marks: int = 0
    port: int = 0
    address: bytes = b""

    @staticmethod
    def file(inode: int) -> Fd:
        """A file."""
        return Fd(stream_kind.FILE, inode, 1)

    @staticmethod
    def null() -> Fd:
        """The null device."""
        return Fd(stream_kind.DEVICE, 4, 5, marks=stream_mark.NULL)

    @staticmethod
    def pipe_read(inode: int) -> Fd:
        """The end of a pipe from which one reads."""
        return Fd(stream_kind.PIPE, inode, marks=stream_mark.READABLE)

    @staticmethod
    def pipe_write(inode: int) -> Fd:
        """The end of a pipe to which one writes."""
        return Fd(stream_kind.PIPE, inode, marks=stream_mark.WRITABLE)

    @staticmethod
    def fifo_read(inode: int) -> Fd:
        """A named pipe, opened for reading."""
        return Fd(stream_kind.FIFO, inode, 1, marks=stream_mark.READABLE)

    @staticmethod
    def fifo_write(inode: int) -> Fd:
        """A named pipe, opened for writing."""
        return Fd(stream_kind.FIFO, inode, 1, marks=stream_mark.WRITABLE)

    @staticmethod
    def terminal(index: int) -> Fd:
        """The slave side of the pseudo-terminal with this index."""
        return Fd(stream_kind.TERMINAL, 24, port=index)

    @staticmethod
    def master(index: int) -> Fd:
        """The master side of the pseudo-terminal with this index."""
        return Fd(stream_kind.TERMINAL_MASTER, 24, port=index)

    @staticmethod
    def inet(inode: int) -> Fd:
        """An internet socket."""
        return Fd(stream_kind.INET, inode)

    @staticmethod
    def unix(inode: int, peer: int) -> Fd:
        """One of two connected unix sockets."""
        return Fd(stream_kind.UNIX, inode, peer)

    def outbound(self, address: bytes, port: int) -> Fd:
        """It was connected to this address."""
        marks = self.marks | stream_mark.OUTBOUND
        return replace(self, address=address, port=port, marks=marks)

    def accepted(self, address: bytes, port: int) -> Fd:
        """It was accepted from this address."""
        marks = self.marks | stream_mark.ACCEPTED
        return replace(self, address=address, port=port, marks=marks)


@dataclass
class Act:
    """An event of any kind: the slots of `record event`, whose meaning docs/events.md gives."""

    kind: int
    ret: int = 0
    marks: int = 0
    target: Actor | None = None
    a: int = 0
    b: int = 0
    c: int = 0
    text: bytes = b""
    text2: bytes = b""
    attrs: list[tuple[int, int, bytes]] = field(default_factory=list)
    """Key, value, text."""


@dataclass
class Told:
    """An event of the story with the rows of its moment."""

    act: Act
    id: int
    at: int
    process: MomentRow | None
    target: MomentRow | None
    rows: list[MomentRow]


class Scene:
    """A story, and what the plugin finds in it."""

    def __init__(self) -> None:
        self._rows: list[MomentRow] = []
        self._told: list[Told] = []
        self._given = Given()
        self._now = 1_000_000_000

    # ------------------------------------------------------------ who is there

    def process(self, exec: Exec) -> Actor:
        """A process that is there without any event having told so."""
        return self._add(None, exec)

    def child(self, parent: Actor, exec: Exec) -> Actor:
        """A child that is there without any event having told so."""
        return self._add(parent, exec)

    def change(self, actor: Actor, **fields: object) -> None:
        """Changes fields of a process's row: `uid=0`, `container=7`, `marks=...`."""
        self._rows[actor.index] = replace(self._rows[actor.index], **fields)  # type: ignore[arg-type]

    def contain(self, actor: Actor, container: int) -> None:
        """Puts a process, and what it will fork, into the container with this key."""
        self.change(actor, container=container)

    def describe(
        self, actor: Actor, marks: int, attrs: Iterable[tuple[int, int, bytes]] = ()
    ) -> None:
        """Says what is known of the container that a process is in, for it and what it will fork:
        bits of `values.container_mark`, and attributes of the catalogue's kind `container`: key,
        value, text."""
        self.change(actor, container_marks=marks, container_attrs=tuple(attrs))

    def set_fd(self, actor: Actor, fd: int, what: Fd) -> None:
        """Puts something behind a standard descriptor without an event."""
        self.change(actor, fds={**self._rows[actor.index].fds, fd: what})

    def wait(self, seconds: float) -> None:
        """So many seconds pass: timers that are due by then are told."""
        for _ in range(int(seconds)):
            self.tick()
        self._now += round(seconds % 1 * 1_000_000_000)

    # ------------------------------------------------------------ what happens

    def tell(self, actor: Actor, act: Act) -> int:
        """An event of any kind; returns its id."""
        return self._push(self._rows[actor.index], act)

    def tell_alone(self, act: Act) -> int:
        """An event that no process did; returns its id."""
        return self._push(None, act)

    def _push(self, process: MomentRow | None, act: Act) -> int:
        self._now += _STEP
        told = Told(
            act=act,
            id=len(self._told) + 1,
            at=self._now,
            process=process,
            target=self._rows[act.target.index] if act.target is not None else None,
            rows=list(self._rows),
        )
        self._told.append(told)
        return told.id

    def existing(self, actor: Actor) -> int:
        """The agent tells of a process that was there before it."""
        row = self._rows[actor.index]
        self.change(actor, marks=row.marks | process_mark.EXISTING)
        return self.tell(actor, Act(kind.EXISTING, text=row.exe))

    def fork(self, parent: Actor) -> Actor:
        """A process makes a child."""
        child = Actor(len(self._rows))
        row = self._rows[parent.index]
        marks = row.marks & ~process_mark.EXISTING
        self._rows.append(
            replace(row, key=child.key, pid=child.pid, start=self._now, marks=marks, parent=row)
        )
        self.tell(parent, Act(kind.FORK, target=child))
        return child

    def exec(self, actor: Actor, exec: Exec) -> int:
        """A process executes an image."""
        row = self._rows[actor.index].execute(exec.exe, exec.args, exec.image, exec.marks)
        self._rows[actor.index] = row
        return self.tell(actor, Act(kind.EXEC, text=exec.exe, text2=exec.exe))

    def exit(self, actor: Actor) -> int:
        """A process ends."""
        self.change(actor, marks=self._rows[actor.index].marks | process_mark.EXITED)
        return self.tell(actor, Act(kind.EXIT))

    def open(self, actor: Actor, path: str | bytes, flags: int = 0, marks: int = 0) -> int:
        """A process opens a file."""
        return self.tell(actor, Act(kind.OPEN, text=_bytes(path), a=flags | marks << 32))

    def connect(
        self, actor: Actor, address: bytes, port: int, socket: int = 77, ret: int = 0
    ) -> int:
        """A process connects a TCP socket."""
        act = Act(kind.CONNECT, ret=ret, a=port | _TCP << 32, b=socket, c=socket << 8, text=address)
        return self.tell(actor, act)

    def dup(self, actor: Actor, fd: int, what: Fd) -> int:
        """A process puts something behind a standard descriptor."""
        self.set_fd(actor, fd, what)
        act = Act(
            kind.DUP,
            a=fd | what.kind << 32,
            b=what.id,
            c=what.marks | what.port << 32,
            text=what.address,
        )
        return self.tell(actor, act)

    def pipe(self, actor: Actor, inode: int) -> int:
        """A process makes a pipe."""
        return self.tell(actor, Act(kind.PIPE, a=inode, b=3 | 4 << 32))

    def terminal(self, actor: Actor, index: int) -> int:
        """A process makes a pseudo-terminal."""
        return self.tell(actor, Act(kind.TERMINAL, a=index, b=24))

    def socketpair(self, actor: Actor, first: int, second: int) -> int:
        """A process makes two connected unix sockets."""
        return self.tell(actor, Act(kind.SOCKETPAIR, a=first, b=second))

    def tick(self) -> int:
        """A second passes."""
        self._now += 1_000_000_000 - _STEP
        return self.tell_alone(Act(kind.TICK))

    # ------------------------------------------------------------ what services answer

    def list(self, name: str, lines: str) -> None:
        """Gives the plugin a list of the operator's, with one entry a line as in a file of
        `--intel`: `192.0.2.0/24 what is said of it`, a domain, or a SHA-256."""
        self._given.lists = self._given.lists or Lists()
        self._given.lists.add(name, lines)

    def file(
        self,
        path: str | bytes,
        *,
        facts: Facts | None = None,
        sha256: bytes | None = None,
        content: bytes | None = None,
        elf: ElfFacts | None = None,
        failure: int | None = None,
    ) -> None:
        """Says what the plugin is told of the file at this path, whatever event it is asked about,
        or for which reason of `values.failure` every question about it fails. Of other files
        nothing is known."""
        self._given.files[_bytes(path)] = File(facts, sha256, content, elf, failure)

    def sockets(self, actor: Actor, sockets: Sockets) -> None:
        """Says which sockets a process has open. Of other processes nothing is known."""
        self._given.sockets[actor.key] = sockets

    def state_limit(self, bytes: int) -> None:
        """Bytes that the plugin may keep in `state`, where its manifest asks for another number
        than 4 MiB."""
        self._given.state = bytes

    # ------------------------------------------------------------ what is found

    def findings(self, cls: type[Plugin] | None = None, config: str = "{}") -> Found:
        """What a plugin finds in the story: that of `@plugin`, unless another is given. It is run
        with batches of 1, of 7 and of all events, and must find the same; so it must in the
        agent's sandbox, where `VEDETTE_COMPONENT` names the plugin's component
        (`vedette plugin test --unit` does)."""
        runs = []
        for size in (1, 7, max(len(self._told), 1)):
            services.reset(self._given)
            runs.append(self._run(_started(cls, config), size))
        assert runs[0] == runs[1] == runs[2], "the size of the batches changes the findings"
        component.compare(self._told, self._given, config, runs[0])
        return runs[0]

    def findings_reloaded(
        self, cls: type[Plugin] | None = None, config: str = "{}"
    ) -> Found:
        """What a plugin finds when it is reloaded, its memory handed over, after every event."""
        services.reset(self._given)
        plugin = _started(cls, config)
        found: list[_raw.Finding] = []
        for told in self._told:
            found.extend(self._call(plugin, [told]))
            assert isinstance(plugin, Snapshot), "it has no snapshot"
            saved = plugin.save()
            plugin = _started(cls, config)
            assert isinstance(plugin, Snapshot)
            plugin.restore(plugin.SCHEMA, saved)
        return found

    def _run(self, plugin: Plugin, size: int) -> Found:
        found: list[_raw.Finding] = []
        batch: list[Told] = []
        for told in self._told:
            # No batch spans two steps of the clock, and timers come before what follows them.
            if batch and (len(batch) == size or _step(batch[-1]) != _step(told)):
                found.extend(self._call(plugin, batch))
                batch = []
            batch.append(told)
        found.extend(self._call(plugin, batch))
        return found

    def _call(self, plugin: Plugin, batch: Batch) -> Found:
        if not batch:
            return []
        services.pass_time(_step(batch[0]))
        services.stage.told = {told.id: told for told in batch}
        found: list[_raw.Finding] = []
        due = sorted(
            (at, token) for token, at in services.seen.timers.items() if at <= services.seen.now
        )
        for at, token in due:
            services.seen.timers.pop(token, None)
            services.seen.fired += 1
            act = Act(kind.TIMER, a=token, b=at)
            number = _TIMERS | services.seen.fired
            told = Told(act, number, services.seen.now, None, None, batch[0].rows)
            services.stage.told[number] = told
            found.extend(_guest.detect(plugin, batch_of([told])))
        found.extend(_guest.detect(plugin, batch_of(batch)))
        return found

    def _add(self, parent: Actor | None, exec: Exec) -> Actor:
        actor = Actor(len(self._rows))
        above = self._rows[parent.index] if parent is not None else None
        row = replace(above, parent=above) if above is not None else MomentRow()
        row = replace(row, key=actor.key, pid=actor.pid, start=self._now)
        self._rows.append(row.execute(exec.exe, exec.args, exec.image, exec.marks))
        return actor


def _step(told: Told) -> int:
    return told.at // _CLOCK_STEP * _CLOCK_STEP


def _started(cls: type[Plugin] | None, config: str) -> Plugin:
    plugin = cls() if cls is not None else _guest.start()
    _guest.init(plugin, config)
    return plugin
