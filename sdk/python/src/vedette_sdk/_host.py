"""The host's services: in a component its imports, in tests those of the test kit.

A component imports only what its manifest declares under `services`; what is missing says so when
it is called.
"""

from __future__ import annotations

import importlib
from dataclasses import fields
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from ._raw import IN_COMPONENT
from .failure import Failure

if TYPE_CHECKING:
    from collections.abc import Callable

Time = float | timedelta
"""A span of event time: seconds, or a timedelta."""


class _Missing:
    """A service that the manifest does not declare."""

    def __init__(self, service: str) -> None:
        self._service = service

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(
            f"this plugin calls {self._service}.{name}, and its manifest does not declare that: "
            f'add "{self._service}" to services under [capabilities]'
        )


def service(name: str) -> Any:
    """The service of this name."""
    where = "wit_world.imports" if IN_COMPONENT else "vedette_sdk.testkit.services"
    try:
        return importlib.import_module(f"{where}.{name}")
    except ModuleNotFoundError:
        return _Missing(name)


if IN_COMPONENT and not TYPE_CHECKING:
    from componentize_py_types import Err
else:

    class Err(Exception):
        """What a service fails with, as the bindings of a component have it."""

        def __init__(self, value: int) -> None:
            self.value = value


def ask(function: Callable[..., Any], *arguments: object) -> Any:
    """Calls a service that may fail."""
    try:
        return function(*arguments)
    except Err as error:
        raise Failure(error.value) from None


T = TypeVar("T")


def record(cls: type[T], raw: Any) -> T:
    """The dataclass with the same fields as a record of the host."""
    return cls(**{field.name: getattr(raw, field.name) for field in fields(cls)})  # type: ignore[arg-type]


def nanoseconds(time: Time) -> int:
    """A span of event time as the contract has it."""
    seconds = time.total_seconds() if isinstance(time, timedelta) else time
    return min(max(round(seconds * 1_000_000_000), 0), 0xFFFF_FFFF_FFFF_FFFF)


def as_bytes(text: bytes | str) -> bytes:
    """A key as the contract has it."""
    return text.encode() if isinstance(text, str) else text
