"""The service `state`."""

from . import seen


def get(key: bytes) -> bytes | None:
    """The value of a key."""
    value, ends = seen.state.get(key, (None, 0))
    return value if ends == 0 or ends > seen.now else None


def set(key: bytes, value: bytes, ttl: int) -> None:
    """Sets the value of a key."""
    seen.state[key] = (value, seen.now + ttl if ttl else 0)


def delete(key: bytes) -> None:
    """Forgets a key."""
    seen.state.pop(key, None)


def count(key: bytes, add: int, window: int) -> int:
    """Adds to a counter."""
    total, ends = seen.counts.get(key, (0, 0))
    if seen.now >= ends:
        total, ends = 0, seen.now + window
    seen.counts[key] = (total + add, ends)
    return total + add


def keys(prefix: bytes, after: bytes, most: int) -> list[bytes]:
    """Keys in the order of their bytes."""
    found = (
        k for k in sorted(seen.state) if k.startswith(prefix) and k > after and get(k) is not None
    )
    return [key for key, _ in zip(found, range(most))]
