"""The service `intel`, over the lists of the story."""

from typing import Any

from ...values import failure
from . import fail, stage


def look_up(kind: int, value: bytes) -> list[Any]:
    """The entries that match."""
    lists = stage.given.lists
    if lists is None:
        fail(failure.UNAVAILABLE)
    else:
        found = lists.look_up(kind, value)
        if found is not None:
            return found
        fail(failure.MALFORMED)
    return []
