"""The service `state`, with the agent's limits."""

from ...values import failure
from . import fail, seen, stage

_MAX_KEY = 256
_MAX_VALUE = 64 << 10
"""Longest key and value, as in the agent."""

_MAX_LISTED = 1024
"""Most keys of one answer, as in the agent."""

_BYTES_A_KEY = 64
"""Bytes of the plugin's share for each key that it may have, as in the agent."""


def get(key: bytes) -> bytes | None:
    """The value of a key."""
    value, ends = seen.state.get(key, (None, 0))
    return value if ends == 0 or ends > seen.now else None


def set(key: bytes, value: bytes, ttl: int) -> None:
    """Sets the value of a key."""
    _write(key, value, seen.now + ttl if ttl else 0)
    seen.counted.discard(key)


def delete(key: bytes) -> None:
    """Forgets a key."""
    seen.state.pop(key, None)


def count(key: bytes, add: int, window: int) -> int:
    """Adds to a counter."""
    value = get(key) if key in seen.counted else None
    # Also where a value stands: what is counted is a counter from now on.
    total = 0 if value is None else int.from_bytes(value, "little")
    ends = seen.now + window if value is None else seen.state[key][1]
    total = min(total + add, 0xFFFF_FFFF_FFFF_FFFF)
    _write(key, total.to_bytes(8, "little"), ends)
    seen.counted.add(key)
    return total


def keys(prefix: bytes, after: bytes, most: int) -> list[bytes]:
    """Keys in the order of their bytes."""
    found = (
        k for k in sorted(seen.state) if k.startswith(prefix) and k > after and get(k) is not None
    )
    return [key for key, _ in zip(found, range(min(most, _MAX_LISTED)))]


def _write(key: bytes, value: bytes, ends: int) -> None:
    if len(key) > _MAX_KEY or len(value) > _MAX_VALUE:
        fail(failure.TOO_LARGE)
    entries = {k: v for k, (v, _) in seen.state.items()} | {key: value}
    most = stage.given.state
    if sum(len(k) + len(v) for k, v in entries.items()) > most or len(entries) > most // _BYTES_A_KEY:
        fail(failure.QUOTA)
    seen.state[key] = (value, ends)
