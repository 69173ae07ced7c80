"""First one thing, then another, within a time, by the same one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from ._host import Time, nanoseconds
from .bounded import Map

if TYPE_CHECKING:
    from .views import Event

K = TypeVar("K")


class Sequences(Generic[K]):
    """For each key how far it has come in a sequence of steps, numbered from 0, of which the last
    is to follow the first within a time.

    ```python
    self.dropped = Sequences(steps=2, within=30, cap=4096)
    ...
    self.dropped.step(path, 0, event)             # a file was written
    events = self.dropped.step(path, 1, event)    # the file was executed
    if events is not None:                        # ids of both: evidence
        ...
    ```
    """

    def __init__(self, steps: int, within: Time, cap: int) -> None:
        """At most `cap` keys that are on their way: one more evicts the oldest."""
        self._steps = max(steps, 2)
        self._within = nanoseconds(within)
        # When the first step was, and the events of the steps so far.
        self._begun: Map[K, tuple[int, list[int]]] = Map(cap)

    def step(self, key: K, step: int, event: Event) -> list[int] | None:
        """A step was made. Returns the ids of all steps' events when it was the last one; one that
        comes out of turn counts for nothing. The first step made again begins anew, unless the
        sequence has gone on from it."""
        begun = self._begun.get(key)
        if begun is not None and event.at - begun[0] > self._within:
            self._begun.pop(key)
            begun = None
        if step == 0:
            if begun is None or len(begun[1]) == 1:
                self._begun.pop(key)
                self._begun[key] = (event.at, [event.id])
            return None
        if begun is None or len(begun[1]) != step:
            return None
        begun[1].append(event.id)
        if len(begun[1]) < self._steps:
            return None
        self._begun.pop(key)
        return begun[1]
