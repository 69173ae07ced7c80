"""Lines in the agent's log, rate limited by the host."""

from __future__ import annotations

from ._host import service

_host = service("log")


def trace(message: str) -> None:
    """Writes a line on every step of the plugin."""
    _write("TRACE", message)


def debug(message: str) -> None:
    """Writes a line for who is developing the plugin."""
    _write("DEBUG", message)


def info(message: str) -> None:
    """Writes a line that an operator may want to know."""
    _write("INFO", message)


def warn(message: str) -> None:
    """Writes a line about something that should not be so."""
    _write("WARN", message)


def error(message: str) -> None:
    """Writes a line about something that keeps the plugin from its work."""
    _write("ERROR", message)


def _write(level: str, message: str) -> None:
    _host.write(_host.Level[level], message.encode("utf-8", "replace").decode())
