"""Files that an event is about, read through the root of the process that acted.

`role` says which one: `values.file_role`. A file that is no longer that of the event fails with
`values.failure.CHANGED`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, TypeVar

from ._host import ask, service
from .finding import id_of
from .values import file_role
from .views import Event

_host = service("file")


@dataclass(frozen=True)
class Facts:
    """What the file system says of a file."""

    size: int
    """Bytes."""
    mode: int
    """Type and permissions, as in stat."""
    uid: int
    gid: int
    links: int
    device: int
    inode: int
    modified: int
    """Last change of the content, ns since 1970."""


@dataclass(frozen=True)
class ElfFacts:
    """What an ELF file says of itself."""

    machine: int
    """EM_… of its header."""
    form: int
    """ET_… of its header."""
    bits: int
    """32 or 64."""
    marks: int
    """Bits of `values.elf_mark`."""
    interpreter: str
    """Program interpreter, empty if there is none."""
    needed: list[str]
    """DT_NEEDED, in its order."""
    sections: list[str]
    """Names of its sections, in their order."""
    build_id: bytes
    """Build id, empty if there is none."""
    entropy: int
    """Entropy of its loaded segments, thousandths of bits a byte."""


T = TypeVar("T")


def _of(cls: type[T], raw: Any) -> T:
    return cls(**{field.name: getattr(raw, field.name) for field in fields(cls)})  # type: ignore[arg-type]


def stat(event: Event | int, role: int = file_role.PATH) -> Facts:
    """What the file system says of it."""
    return _of(Facts, ask(_host.stat, id_of(event), role))


def sha256(event: Event | int, role: int = file_role.PATH) -> bytes:
    """SHA-256 of the whole file."""
    digest: bytes = ask(_host.sha256, id_of(event), role)
    return digest


def head(event: Event | int, role: int = file_role.PATH, length: int = 4096) -> bytes:
    """Its first bytes, at most `length` and at most 64 KiB."""
    content: bytes = ask(_host.head, id_of(event), role, length)
    return content


def elf(event: Event | int, role: int = file_role.PATH) -> ElfFacts:
    """What an ELF file says of itself."""
    return _of(ElfFacts, ask(_host.elf, id_of(event), role))
