"""The host's services, in the memory of the test."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ...values import failure


@dataclass
class Seen:
    """What the plugin gave to the host's services."""

    log: list[str] = field(default_factory=list)
    """Lines that were logged: `INFO: text`."""
    counters: dict[str, int] = field(default_factory=dict)
    gauges: dict[str, int] = field(default_factory=dict)
    state: dict[bytes, tuple[bytes, int]] = field(default_factory=dict)
    """Keys and values, and when each ends (0: never)."""
    counts: dict[bytes, tuple[int, int]] = field(default_factory=dict)
    """Counters, and when each starts again."""
    timers: dict[int, int] = field(default_factory=dict)
    """Tokens, and when each is due."""
    fired: int = 0
    """How many timers were told."""
    now: int = 0
    """Event time of the call that is being made."""


@dataclass
class Answers:
    """What the services are to answer. What is not there is not known: it fails as unavailable."""

    sockets: dict[int, list[Any]] = field(default_factory=dict)
    """Sockets by key of the process."""
    facts: dict[bytes, Any] = field(default_factory=dict)
    """`file.Facts` by path."""
    sha256: dict[bytes, bytes] = field(default_factory=dict)
    """Digests by path."""
    content: dict[bytes, bytes] = field(default_factory=dict)
    """Contents by path."""
    elf: dict[bytes, Any] = field(default_factory=dict)
    """`file.ElfFacts` by path."""
    intel: dict[tuple[int, bytes], list[Any]] = field(default_factory=dict)
    """Hits by `values.indicator` and value."""


seen = Seen()
answers = Answers()
told: dict[int, Any] = {}
"""Events of the story that is told, by id."""


def reset(*, keep_answers: bool = False) -> None:
    """Forgets everything, as for a plugin that was never loaded before."""
    seen.__init__()  # type: ignore[misc]
    told.clear()
    if not keep_answers:
        answers.__init__()  # type: ignore[misc]


def pass_time(now: int) -> None:
    """A call begins in this step of the clock. What `init` did before there was a time ends that
    much later."""
    if seen.now == 0:
        seen.timers = {token: at + now for token, at in seen.timers.items()}
        seen.state = {k: (v, at + now if at else 0) for k, (v, at) in seen.state.items()}
        seen.counts = {k: (total, at + now) for k, (total, at) in seen.counts.items()}
    seen.now = max(seen.now, now)


def event(id: int) -> Any:
    """The event with this id, or the failure that it was not sent."""
    if id not in told:
        fail(failure.NOT_SENT)
    return told[id]


def known(answers: dict[Any, Any], key: object) -> Any:
    """What is to be answered, or the failure that it is not known."""
    if key not in answers:
        fail(failure.UNAVAILABLE)
    return answers[key]


def fail(number: int) -> None:
    """Fails as the host does."""
    from ..._host import Err

    raise Err(number)
