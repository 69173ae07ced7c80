"""Values as text that is the same in every language."""

from __future__ import annotations

from collections.abc import Iterable

from vedette_sdk import Process

Value = bytes | int | str | Process | None


def show(value: Value) -> str:
    if value is None:
        return "-"
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Process):
        return str(value.key)
    # A bool is a number too.
    return value if isinstance(value, str) else str(int(value))


def put(name: str, value: Value) -> str:
    return f" {name}={show(value)}"


def show_list(values: Iterable[Value]) -> str:
    return ",".join(map(show, values))
