"""Files that an event is about, read through the root of the process that acted.

`role` says which one: `values.file_role`. A file that is no longer that of the event fails with
`values.failure.CHANGED`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ._host import ask, record, service
from .finding import id_of
from .values import file_role
from .views import Event

_host = service("file")


@dataclass(frozen=True)
class Facts:
    """What the file system says of a file."""

    size: int = 0
    """Bytes."""
    mode: int = 0
    """Type and permissions, as in stat."""
    uid: int = 0
    gid: int = 0
    links: int = 0
    device: int = 0
    inode: int = 0
    modified: int = 0
    """Last change of the content, ns since 1970."""


@dataclass(frozen=True)
class ElfFacts:
    """What an ELF file says of itself."""

    machine: int = 0
    """EM_… of its header."""
    form: int = 0
    """ET_… of its header."""
    bits: int = 0
    """32 or 64."""
    marks: int = 0
    """Bits of `values.elf_mark`."""
    interpreter: str = ""
    """Program interpreter, empty if there is none."""
    needed: list[str] = field(default_factory=list)
    """DT_NEEDED, in its order."""
    sections: list[str] = field(default_factory=list)
    """Names of its sections, in their order."""
    build_id: bytes = b""
    """Build id, empty if there is none."""
    entropy: int = 0
    """Entropy of its loaded segments, thousandths of bits a byte."""


def stat(event: Event | int, role: int = file_role.PATH) -> Facts:
    """What the file system says of it."""
    return record(Facts, ask(_host.stat, id_of(event), role))


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
    return record(ElfFacts, ask(_host.elf, id_of(event), role))
