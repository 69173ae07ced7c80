"""Events of kind `timer` in event time, for this plugin alone."""

from __future__ import annotations

from ._host import Time, ask, nanoseconds, service

_host = service("timer")


def set(token: int, after: Time) -> None:
    """Asks for an event with this token once `after` has passed, in place of an earlier one with
    the same token: `event.timer.token`."""
    ask(_host.set, token, nanoseconds(after))


def clear(token: int) -> None:
    """Takes that back."""
    _host.clear(token)
