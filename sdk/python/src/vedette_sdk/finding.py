"""Raising findings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import _raw
from ._raw import Severity
from .values import action, finding_detail

if TYPE_CHECKING:
    from .process import Container, Process
    from .views import Event

__all__ = ["Finding", "Findings", "Severity"]


def key_of(subject: Process | Container | int) -> int:
    """The stable key of whoever something is about."""
    return subject if isinstance(subject, int) else subject.key


def id_of(event: Event | int) -> int:
    """The id of an event."""
    return event if isinstance(event, int) else event.id


class Finding:
    """A finding that is being filled in. Each method returns the finding itself."""

    __slots__ = ("raw",)

    def __init__(self, rule: str, severity: Severity) -> None:
        self.raw = _raw.Finding(
            rule=rule,
            severity=severity,
            confidence=100,
            process=0,
            container=0,
            message="",
            evidence=[],
            dedup="",
            proposals=[],
            details=[],
        )

    def confidence(self, percent: int) -> Finding:
        """How sure the plugin is, in percent; 100 if it is not said."""
        self.raw.confidence = max(0, min(percent, 100))
        return self

    def process(self, subject: Process | int) -> Finding:
        """The process that it is about, or the key of one of an earlier batch."""
        self.raw.process = key_of(subject)
        return self

    def container(self, subject: Container | int) -> Finding:
        """The container that it is about, where that is not the process's."""
        self.raw.container = key_of(subject)
        return self

    def message(self, message: str) -> Finding:
        """One sentence on this very case."""
        self.raw.message = _sound(message)
        return self

    def evidence(self, event: Event | int, note: str = "") -> Finding:
        """An event that supports it, or its id, and what that event shows."""
        self.raw.evidence.append(_raw.Evidence(event=id_of(event), note=_sound(note)))
        return self

    def dedup(self, key: str) -> Finding:
        """Findings of one rule with the same key are one finding."""
        self.raw.dedup = _sound(key)
        return self

    def technique(self, technique: str) -> Finding:
        """An ATT&CK technique of this very case: one that the rule declares, or a part of it."""
        return self._detail(finding_detail.TECHNIQUE, technique)

    def note(self, key: str, value: str) -> Finding:
        """Something that people who read it want to know."""
        return self._detail(finding_detail.NOTE, f"{key}={value}")

    def propose_kill(self, target: Process | int) -> Finding:
        """Thinks that this process should be killed."""
        return self.propose(action.KILL, target=target)

    def propose(
        self, action: int, *, target: Process | Container | int = 0, event: Event | int = 0
    ) -> Finding:
        """Thinks that this action of `values.action` is right, on this process or container, or
        on what this event is about."""
        proposal = _raw.Proposal(action=action, target=key_of(target), event=id_of(event))
        self.raw.proposals.append(proposal)
        return self

    def _detail(self, key: int, text: str) -> Finding:
        self.raw.details.append(_raw.Detail(key=key, value=0, text=_sound(text)))
        return self


def _sound(text: str) -> str:
    """Text that can be sent: a lone surrogate, as `os.fsdecode` makes them, cannot."""
    return text.encode("utf-8", "replace").decode()


class Findings:
    """The findings of one batch."""

    __slots__ = ("raw",)

    def __init__(self) -> None:
        self.raw: list[_raw.Finding] = []

    def raise_(self, rule: str, severity: Severity) -> Finding:
        """Raises a finding of this rule of the manifest. What is known of the case is added to
        what this returns."""
        finding = Finding(rule, severity)
        self.raw.append(finding.raw)
        return finding

    def __len__(self) -> int:
        return len(self.raw)
