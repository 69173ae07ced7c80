"""The service `file`: what the test says of files, by their paths."""

from typing import Any

from ...values import file_role
from . import answer, event, stage
from .given import File

_MAX_HEAD = 64 << 10
"""Most bytes that `head` gives, as in the agent."""


def _file(id: int, role: int) -> File:
    told = event(id)
    paths = {
        file_role.IMAGE: told.process and told.process.exe,
        file_role.TARGET_IMAGE: told.target and told.target.exe,
        file_role.PATH: told.act.text,
        file_role.OTHER_PATH: told.act.text2,
    }
    return stage.given.files.get(paths.get(role) or b"", File())


def stat(event: int, role: int) -> Any:
    """What the file system says."""
    file = _file(event, role)
    return answer(event, f"file.stat {role}", "facts", file.facts, file.failure)


def sha256(event: int, role: int) -> Any:
    """Digest of the file."""
    file = _file(event, role)
    digest = None if file.sha256 is None else file.sha256.hex()
    answer(event, f"file.sha256 {role}", "digest", digest, file.failure)
    return file.sha256


def head(event: int, role: int, len: int) -> Any:
    """Its first bytes."""
    most = min(len, _MAX_HEAD)
    file = _file(event, role)
    content = None if file.content is None else file.content[:most]
    return answer(event, f"file.head {role} {most}", "head", content, file.failure)


def elf(event: int, role: int) -> Any:
    """What an ELF file says of itself."""
    file = _file(event, role)
    return answer(event, f"file.elf {role}", "elf", file.elf, file.failure)
