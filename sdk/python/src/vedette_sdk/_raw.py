"""The records of the contract: in a component its own, in tests the same by hand.

A component's are generated from `detect.wit`; these have their names and fields.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

IN_COMPONENT = sys.platform == "wasi"
"""Whether this is a component, and not a test that runs natively."""

if IN_COMPONENT and not TYPE_CHECKING:
    from wit_world.imports.types import (
        Attr,
        Batch,
        Container,
        Detail,
        Event,
        Evidence,
        Finding,
        Process,
        Proposal,
        Range,
        Severity,
        Span,
        Stream,
    )
else:
    from dataclasses import dataclass, field
    from enum import Enum

    class Severity(Enum):
        """How bad it would be."""

        INFO = 0
        LOW = 1
        MEDIUM = 2
        HIGH = 3
        CRITICAL = 4

    @dataclass
    class Span:
        start: int
        len: int

    @dataclass
    class Range:
        first: int
        count: int

    @dataclass
    class Stream:
        fd: int
        kind: int
        marks: int
        port: int
        id: int
        other: int
        address: Span

    @dataclass
    class Attr:
        key: int
        value: int
        text: Span

    @dataclass
    class Container:
        key: int
        id: Span
        name: Span
        image: Span
        pod: Span
        namespace: Span
        marks: int
        attrs: Range

    @dataclass
    class Process:
        key: int
        parent: int
        container: int
        pid: int
        uid: int
        gid: int
        marks: int
        image: int
        args_len: int
        start: int
        capabilities: int
        inode: int
        device: int
        exe: Span
        args: Span
        cwd: Span
        comm: Span
        streams: Range
        attrs: Range

    @dataclass
    class Event:
        kind: int
        process: int
        target: int
        tid: int
        ret: int
        marks: int
        at: int
        id: int
        a: int
        b: int
        c: int
        text: Span
        text2: Span
        attrs: Range

    @dataclass
    class Batch:
        text: bytes = b""
        streams: list[Stream] = field(default_factory=list)
        processes: list[Process] = field(default_factory=list)
        containers: list[Container] = field(default_factory=list)
        events: list[Event] = field(default_factory=list)
        attrs: list[Attr] = field(default_factory=list)

    @dataclass
    class Evidence:
        event: int
        note: str

    @dataclass
    class Proposal:
        action: int
        target: int
        event: int

    @dataclass
    class Detail:
        key: int
        value: int
        text: str

    @dataclass
    class Finding:
        rule: str
        severity: Severity
        confidence: int
        process: int
        container: int
        message: str
        evidence: list[Evidence]
        dedup: str
        proposals: list[Proposal]
        details: list[Detail]


__all__ = [
    "IN_COMPONENT",
    "Attr",
    "Batch",
    "Container",
    "Detail",
    "Event",
    "Evidence",
    "Finding",
    "Process",
    "Proposal",
    "Range",
    "Severity",
    "Span",
    "Stream",
]
