"""What a test gives the services to answer from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...context import Socket
    from ...file import ElfFacts, Facts
    from ..lists import Lists


@dataclass(frozen=True)
class File:
    """What a test says of a file. What it does not say is not known."""

    facts: Facts | None = None
    sha256: bytes | None = None
    content: bytes | None = None
    elf: ElfFacts | None = None
    failure: int | None = None
    """Every question about it fails for this reason of `values.failure`."""


@dataclass
class Given:
    """All that a story's services answer from."""

    lists: Lists | None = None
    """The operator's lists, where the story has some."""
    files: dict[bytes, File] = field(default_factory=dict)
    """By path."""
    sockets: dict[int, list[Socket]] = field(default_factory=dict)
    """By the key of the process."""
    state: int = 4 << 20
    """Bytes of state that the plugin may have."""
