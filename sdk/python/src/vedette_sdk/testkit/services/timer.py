"""The service `timer`."""

from . import seen


def set(token: int, after: int) -> None:
    """Asks for an event."""
    seen.timers[token] = seen.now + after


def clear(token: int) -> None:
    """Takes that back."""
    seen.timers.pop(token, None)
