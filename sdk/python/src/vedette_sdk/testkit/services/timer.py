"""The service `timer`."""

from ...values import failure
from . import fail, seen

_MAX_TIMERS = 4096
"""Most timers of a plugin, as in the agent."""


def set(token: int, after: int) -> None:
    """Asks for an event."""
    if len(seen.timers) >= _MAX_TIMERS and token not in seen.timers:
        fail(failure.QUOTA)
    seen.timers[token] = seen.now + max(after, 1)


def clear(token: int) -> None:
    """Takes that back."""
    seen.timers.pop(token, None)
