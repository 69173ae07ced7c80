"""The service `context`, over the rows of the story."""

from typing import Any

from ... import _raw
from ...values import failure, process_mark
from ..tables import batch_of_rows
from . import answer, event, fail, stage

_MAX_LISTED = 1024
"""Most processes of one answer, as in the agent."""


def process(id: int, key: int) -> _raw.Batch:
    """The process with this key."""
    rows = event(id).rows
    found = [row for row in rows if row.key == key]
    if not found:
        fail(failure.NOT_FOUND)
    return batch_of_rows(found)


def children(id: int, key: int, most: int) -> tuple[int, _raw.Batch]:
    """The living children of a process."""
    return _living(
        event(id).rows, lambda row: row.parent is not None and row.parent.key == key, most
    )


def members(id: int, container: int, most: int) -> tuple[int, _raw.Batch]:
    """The living processes of a container."""
    return _living(event(id).rows, lambda row: row.container == container, most)


def sockets(id: int, key: int) -> list[Any]:
    """The sockets of a process."""
    if not any(row.key == key for row in event(id).rows):
        fail(failure.NOT_FOUND)
    given = stage.given.sockets.get(key)
    found: list[Any] = answer(id, f"context.sockets {key}", "sockets", given)
    return found


def _living(rows: Any, matches: Any, most: int) -> tuple[int, _raw.Batch]:
    found = [row for row in rows if matches(row) and not row.marks & process_mark.EXITED]
    found = found[: min(most, _MAX_LISTED)]
    return len(found), batch_of_rows(found)
