"""Why a service gives no answer."""

from __future__ import annotations

from .values import failure

_REASONS = {
    failure.QUOTA: "the plugin has had its share",
    failure.TOO_LARGE: "it is too large",
    failure.UNAVAILABLE: "it is not known here",
    failure.NOT_FOUND: "there is no such thing",
    failure.CHANGED: "it is no longer what the event was about",
    failure.DENIED: "the agent may not look there",
    failure.MALFORMED: "it has not the right form",
    failure.NOT_SENT: "the event is not of this batch",
}


class Failure(Exception):
    """A service gives no answer."""

    def __init__(self, number: int) -> None:
        super().__init__(_REASONS.get(number, f"the host failed for reason {number}"))
        self.number = number
        """Why: one of `values.failure`."""
