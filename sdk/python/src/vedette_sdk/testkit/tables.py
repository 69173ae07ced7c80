"""From rows of the moment to the tables of a batch."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from .. import _raw
from ..values import image_class, process_mark

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .scene import Fd, Told

Attrs = tuple[tuple[int, int, bytes], ...]
"""Attributes of a container by the catalogue's kind `container`: key, value, text."""

NONE = 0xFFFF_FFFF
_NOTHING = _raw.Span(0, 0)

_NAMESPACES = (
    process_mark.HOST_MOUNT_NAMESPACE
    | process_mark.HOST_PID_NAMESPACE
    | process_mark.HOST_NETWORK_NAMESPACE
    | process_mark.HOST_USER_NAMESPACE
)

_IMAGE_MARKS = (
    process_mark.EXISTING
    | process_mark.JOINING
    | process_mark.MEMFD_IMAGE
    | process_mark.DELETED_IMAGE
    | process_mark.WRITTEN_IMAGE
    | process_mark.FOREIGN_IMAGE
)
"""Marks that a new image does not inherit from the one before."""


@dataclass(frozen=True)
class MomentRow:
    """A process as it is at one moment of a story: the fields of `record process`."""

    key: int = 0
    parent: MomentRow | None = None
    container: int = 0
    """Key of its container; 0 for none."""
    container_marks: int = 0
    """Bits of `values.container_mark`."""
    container_attrs: Attrs = ()
    pid: int = 0
    uid: int = 0
    gid: int = 0
    marks: int = _NAMESPACES
    image: int = image_class.OTHER
    start: int = 0
    capabilities: int = 0
    inode: int = 0
    exe: bytes = b""
    args: bytes = b""
    cwd: bytes = b""
    comm: bytes = b""
    fds: dict[int, Fd] = field(default_factory=dict)

    def execute(self, exe: bytes, args: bytes, image: int, marks: int) -> MomentRow:
        """The row with a new image."""
        marks = self.marks & ~_IMAGE_MARKS | marks
        return replace(self, exe=exe, args=args, image=image, marks=marks)


class _Tables:
    """The tables of a batch while they are filled."""

    def __init__(self) -> None:
        self.batch = _raw.Batch()
        self.arena = bytearray()
        self.rows: dict[int, int] = {}
        self.containers: dict[tuple[int, int, Attrs], int] = {}
        # Rows are told apart by identity, so they must live as long as their numbers are used.
        self.held: list[MomentRow] = []

    def text(self, text: bytes) -> _raw.Span:
        start = len(self.arena)
        self.arena += text
        return _raw.Span(start, len(text))

    def done(self) -> _raw.Batch:
        self.batch.text = bytes(self.arena)
        return self.batch

    def event(self, told: Told) -> None:
        act = told.act
        process = self.process(told.process) if told.process is not None else NONE
        target = self.process(told.target) if told.target is not None else NONE
        attrs = self.attrs(act.attrs)
        self.batch.events.append(
            _raw.Event(
                kind=act.kind,
                process=process,
                target=target,
                tid=told.process.pid if told.process is not None else 0,
                ret=act.ret,
                marks=act.marks,
                at=told.at,
                id=told.id,
                a=act.a,
                b=act.b,
                c=act.c,
                text=self.text(act.text),
                text2=self.text(act.text2),
                attrs=attrs,
            )
        )

    def attrs(self, attrs: Iterable[tuple[int, int, bytes]]) -> _raw.Range:
        first = len(self.batch.attrs)
        for key, value, text in attrs:
            self.batch.attrs.append(_raw.Attr(key, value, self.text(text)))
        return _raw.Range(first, len(self.batch.attrs) - first)

    def process(self, row: MomentRow) -> int:
        if id(row) in self.rows:
            return self.rows[id(row)]
        parent = self.process(row.parent) if row.parent is not None else NONE
        container = self.container(row)
        return self.add(row, parent, container)

    def add(self, row: MomentRow, parent: int, container: int) -> int:
        first = len(self.batch.streams)
        for fd, what in sorted(row.fds.items()):
            self.batch.streams.append(
                _raw.Stream(
                    fd=fd,
                    kind=what.kind,
                    marks=what.marks,
                    port=what.port,
                    id=what.id,
                    other=what.other,
                    address=self.text(what.address),
                )
            )
        index = len(self.batch.processes)
        self.batch.processes.append(
            _raw.Process(
                key=row.key,
                parent=parent,
                container=container,
                pid=row.pid,
                uid=row.uid,
                gid=row.gid,
                marks=row.marks,
                image=row.image,
                args_len=len(row.args),
                start=row.start,
                capabilities=row.capabilities,
                inode=row.inode,
                device=1,
                exe=self.text(row.exe),
                args=self.text(row.args),
                cwd=self.text(row.cwd),
                comm=self.text(row.comm),
                streams=_raw.Range(first, len(row.fds)),
                attrs=_raw.Range(0, 0),
            )
        )
        self.held.append(row)
        self.rows[id(row)] = index
        return index

    def container(self, row: MomentRow) -> int:
        key = row.container
        if key == 0:
            return NONE
        described = (key, row.container_marks, row.container_attrs)
        if described not in self.containers:
            attrs = self.attrs(row.container_attrs)
            self.containers[described] = len(self.batch.containers)
            self.batch.containers.append(
                _raw.Container(
                    key=key,
                    id=self.text(f"{key:064x}".encode()),
                    name=_NOTHING,
                    image=_NOTHING,
                    pod=_NOTHING,
                    namespace=_NOTHING,
                    marks=row.container_marks,
                    attrs=attrs,
                )
            )
        return self.containers[described]


def batch_of(told: Iterable[Told]) -> _raw.Batch:
    """One batch of these events."""
    tables = _Tables()
    for event in told:
        tables.event(event)
    return tables.done()


def batch_of_rows(rows: list[MomentRow]) -> _raw.Batch:
    """A batch without events, these rows first."""
    tables = _Tables()
    # The parents of the first rows come behind them; which rows those are is known only then.
    for row in rows:
        tables.add(row, NONE, tables.container(row))
    for index, row in enumerate(rows):
        if row.parent is not None:
            tables.batch.processes[index].parent = tables.process(row.parent)
    return tables.done()
