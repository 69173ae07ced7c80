"""What is remembered of a process, for its descendants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from .bounded import Map

if TYPE_CHECKING:
    from .process import Process

V = TypeVar("V")


class Flags(Generic[V]):
    """Values put on processes, found again from their descendants."""

    def __init__(self, cap: int) -> None:
        """At most `cap` processes: one more evicts the oldest."""
        self._flags: Map[int, V] = Map(cap)

    def put(self, process: Process | int, value: V) -> None:
        """Puts a value on a process, in place of an earlier one."""
        self._flags[process if isinstance(process, int) else process.key] = value

    def take(self, process: Process | int) -> V | None:
        """Takes the value from a process."""
        return self._flags.pop(process if isinstance(process, int) else process.key)

    def nearest(self, process: Process, most: int = 64) -> tuple[Process, V] | None:
        """The nearest of the process itself and its ancestors that has a value, of at most so
        many."""
        for number, one in enumerate(process.lineage()):
            if number == most:
                break
            value = self._flags.get(one.key)
            if value is not None:
                return one, value
        return None
