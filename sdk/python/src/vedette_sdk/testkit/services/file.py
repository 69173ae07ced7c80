"""The service `file`: what the test answers, by path."""

from typing import Any

from ...values import file_role
from . import answers, event, known


def _path(id: int, role: int) -> bytes:
    told = event(id)
    if role == file_role.IMAGE:
        path: bytes = told.process.exe
    elif role == file_role.TARGET_IMAGE:
        path = told.target.exe
    else:
        path = told.act.text2 if role == file_role.OTHER_PATH else told.act.text
    return path


def stat(event: int, role: int) -> Any:
    """What the file system says."""
    return known(answers.facts, _path(event, role))


def sha256(event: int, role: int) -> Any:
    """Digest of the file."""
    return known(answers.sha256, _path(event, role))


def head(event: int, role: int, len: int) -> Any:
    """Its first bytes."""
    return known(answers.content, _path(event, role))[: min(len, 64 << 10)]


def elf(event: int, role: int) -> Any:
    """What an ELF file says of itself."""
    return known(answers.elf, _path(event, role))
