"""Command lines."""

from __future__ import annotations

_SHELL_APPLETS = (b"sh", b"ash", b"hush", b"bash", b"lash", b"msh")
"""Names by which a file of many applets is called to be a shell."""

_OWN_NAMES = (b"busybox", b"toybox")
"""Beginnings of the names by which such a file takes the applet from its first argument."""


def split(command_line: bytes) -> list[bytes]:
    """The arguments of a command line in which a NUL stands between them."""
    return command_line.split(b"\0") if command_line else []


def base_name(path: bytes) -> bytes:
    """What follows the last slash of a path."""
    return path.rpartition(b"/")[2]


def applet(args: list[bytes]) -> list[bytes]:
    """The arguments of the applet that these arguments call, its own name first."""
    return args[1:] if args and base_name(args[0]).startswith(_OWN_NAMES) else args


def is_shell_applet(args: list[bytes]) -> bool:
    """Whether a file of many applets that is called with these arguments is a shell."""
    called = applet(args)
    return bool(called) and base_name(called[0].removeprefix(b"-")) in _SHELL_APPLETS
