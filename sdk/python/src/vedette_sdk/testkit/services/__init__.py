"""The host's services, in the memory of the test."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

from ...values import failure
from .given import Given


@dataclass
class Seen:
    """What the plugin gave to the host's services."""

    log: list[str] = field(default_factory=list)
    """Lines that were logged: `INFO: text`."""
    counters: dict[str, int] = field(default_factory=dict)
    gauges: dict[str, int] = field(default_factory=dict)
    state: dict[bytes, tuple[bytes, int]] = field(default_factory=dict)
    """Keys and values, and when each ends (0: never)."""
    counted: set[bytes] = field(default_factory=set)
    """Those among the keys that are counters: 8 bytes, the lowest first."""
    timers: dict[int, int] = field(default_factory=dict)
    """Tokens, and when each is due."""
    fired: int = 0
    """How many timers were told."""
    now: int = 0
    """Event time of the call that is being made."""


@dataclass
class Stage:
    """What the story gives, and what is going on in it."""

    given: Given = field(default_factory=Given)
    told: dict[int, Any] = field(default_factory=dict)
    """Events of the call that is being made, by id."""
    answered: dict[tuple[int, str], dict[str, Any]] = field(default_factory=dict)
    """What was answered to questions about the machine, by event and question, as
    `vedette plugin scene` reads it."""


seen = Seen()
stage = Stage()


def reset(given: Given | None = None) -> None:
    """Forgets everything, as for a plugin that was never loaded before."""
    seen.__init__()  # type: ignore[misc]
    stage.__init__(given or Given())  # type: ignore[misc]


def pass_time(now: int) -> None:
    """A call begins in this step of the clock. What `init` did before there was a time ends that
    much later."""
    if seen.now == 0:
        seen.timers = {token: at + now for token, at in seen.timers.items()}
        seen.state = {k: (v, at + now if at else 0) for k, (v, at) in seen.state.items()}
    seen.now = max(seen.now, now)
    seen.state = {k: (v, at) for k, (v, at) in seen.state.items() if at == 0 or at > seen.now}


def event(id: int) -> Any:
    """The event with this id, or the failure that it was not sent."""
    if id not in stage.told:
        fail(failure.NOT_SENT)
    return stage.told[id]


def answer(id: int, asked: str, form: str, said: Any, why: int | None = None) -> Any:
    """Answers a question about the machine, or fails: for this reason, or because nothing is
    said."""
    if why is None and said is None:
        why = failure.UNAVAILABLE
    told = {"Ok": {form: _plain(said)}} if why is None else {"Err": why}
    stage.answered[id, asked] = told
    if why is not None:
        fail(why)
    return said


def _plain(value: Any) -> Any:
    """As JSON has it."""
    match value:
        case bytes():
            return list(value)
        case list():
            return [_plain(one) for one in value]
        case _ if is_dataclass(value):
            return {one.name: _plain(getattr(value, one.name)) for one in fields(value)}
    return value


def fail(number: int) -> None:
    """Fails as the host does."""
    from ..._host import Err

    raise Err(number)
