"""The service `timer`."""

from . import seen


def set(token: int, after: int) -> None:
    """Asks for an event."""
    seen.timers[token] = seen.now + max(after, 1)


def clear(token: int) -> None:
    """Takes that back."""
    seen.timers.pop(token, None)
