"""Memory that cannot be filled by whoever makes the events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

K = TypeVar("K")
V = TypeVar("V")


class Map(Generic[K, V]):
    """A map that holds at most so many entries: adding one more evicts the oldest."""

    __slots__ = ("_cap", "_entries", "evicted")

    def __init__(self, cap: int) -> None:
        self._cap = max(cap, 1)
        self._entries: dict[K, V] = {}
        self.evicted = 0
        """How many entries were evicted since it was made."""

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: K) -> bool:
        return key in self._entries

    def __iter__(self) -> Iterator[K]:
        """The keys, the oldest first."""
        return iter(list(self._entries))

    def items(self) -> list[tuple[K, V]]:
        """Keys and values, the oldest first."""
        return list(self._entries.items())

    def get(self, key: K) -> V | None:
        """The value of a key."""
        return self._entries.get(key)

    def __setitem__(self, key: K, value: V) -> None:
        """Sets the value of a key. A key that is there already keeps its age."""
        if key not in self._entries:
            self._make_room()
        self._entries[key] = value

    def get_or_insert_with(self, key: K, make: Callable[[], V]) -> V:
        """The value of a key, made first where there is none."""
        if key not in self._entries:
            self._make_room()
            self._entries[key] = make()
        return self._entries[key]

    def pop(self, key: K) -> V | None:
        """Forgets a key and returns its value."""
        return self._entries.pop(key, None)

    def _make_room(self) -> None:
        while len(self._entries) >= self._cap:
            del self._entries[next(iter(self._entries))]
            self.evicted += 1
