"""How often something happened lately, in event time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from ._host import Time, nanoseconds
from .bounded import Map

if TYPE_CHECKING:
    from .views import Event

K = TypeVar("K")


class Hit(NamedTuple):
    """One time that it happened."""

    at: int
    """Event time, ns."""
    event: int
    """Id of the event: evidence."""
    value: Any
    """What was given with it."""


class Windows(Generic[K]):
    """For each key what happened within `length` of event time, the latest `most` times of it.

    ```python
    self.failed = Windows(length=60, most=5, cap=1024)
    ...
    hits = self.failed.add(event.process.uid, event)
    if len(hits) == 5:
        finding = findings.raise_("guessing", Severity.MEDIUM)
        for hit in hits:
            finding.evidence(hit.event)
    ```
    """

    def __init__(self, length: Time, most: int, cap: int) -> None:
        """At most `cap` keys: one more evicts the oldest."""
        self._length = nanoseconds(length)
        self._most = max(most, 1)
        self._hits: Map[K, list[Hit]] = Map(cap)

    def add(self, key: K, event: Event, value: Any = None) -> list[Hit]:
        """It happened. Returns what lies within the window now, the oldest first."""
        hits = self._hits.get_or_insert_with(key, list)
        newest = max((hit.at for hit in hits), default=0)
        hits.append(Hit(event.at, event.id, value))
        since = max(newest, event.at) - self._length
        hits[:] = [hit for hit in hits if hit.at > since][-self._most :]
        return list(hits)

    def forget(self, key: K) -> None:
        """Begins anew with a key: what was found need not be found again."""
        self._hits.pop(key)


def distinct(hits: list[Hit]) -> int:
    """How many different values were given with them."""
    return len({hit.value for hit in hits})
