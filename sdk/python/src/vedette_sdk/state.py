"""Keys and values that survive a trap and a reload. Writes take effect when the call returns.

Keys are bytes; text is taken as UTF-8.
"""

from __future__ import annotations

from ._host import Time, as_bytes, ask, nanoseconds, service

_host = service("state")


def get(key: bytes | str) -> bytes | None:
    """The value of a key."""
    value: bytes | None = _host.get(as_bytes(key))
    return value


def set(key: bytes | str, value: bytes | str, ttl: Time | None = None) -> None:
    """Sets the value of a key, for this long of event time; for good if `ttl` is none."""
    # 0 means "for good" to the host, so a lifetime that rounds to nothing is made 1 ns.
    lifetime = 0 if ttl is None else max(nanoseconds(ttl), 1)
    ask(_host.set, as_bytes(key), as_bytes(value), lifetime)


def delete(key: bytes | str) -> None:
    """Forgets a key."""
    _host.delete(as_bytes(key))


def count(key: bytes | str, add: int, window: Time) -> int:
    """Adds to a counter that starts again at 0 when `window` of event time has passed since its
    first addition; returns the sum."""
    total: int = ask(_host.count, as_bytes(key), add, nanoseconds(window))
    return total


def keys(prefix: bytes | str = b"", after: bytes | str = b"", most: int = 256) -> list[bytes]:
    """Keys that begin with `prefix` and lie behind `after`, in the order of their bytes, at most
    `most` of them: the last one of an answer is the next question's `after`."""
    found: list[bytes] = _host.keys(as_bytes(prefix), as_bytes(after), most)
    return found
