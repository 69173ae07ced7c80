"""The service `log`."""

from enum import Enum

from . import seen


class Level(Enum):
    """How important a line is."""

    TRACE = 0
    DEBUG = 1
    INFO = 2
    WARN = 3
    ERROR = 4


def write(level: Level, message: str) -> None:
    """Writes a line."""
    seen.log.append(f"{level.name}: {message}")
