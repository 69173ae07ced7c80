"""Says all that a plugin can see and do of every event: in each language the same."""

from __future__ import annotations

import asks
import describe
from fields import fields
from show import put, show_list
from vedette_sdk import (
    Config,
    Event,
    Failure,
    Findings,
    Flags,
    Plugin,
    Refused,
    Sequences,
    Severity,
    Snapshot,
    Windows,
    kind,
    log,
    metrics,
    plugin,
    state,
)
from vedette_sdk.window import distinct


@plugin
class Conformance(Plugin, Snapshot):
    SCHEMA = 1

    def __init__(self) -> None:
        self.greeting = ""
        self.events = 0
        # So few that entries are evicted.
        self.windows: Windows[int] = Windows(0.05, most=3, cap=4)
        self.sequences: Sequences[int] = Sequences(steps=2, within=0.04, cap=4)
        self.flags: Flags[int] = Flags(4)

    def init(self, config: Config) -> None:
        if config["number"] != 7:
            raise Refused(f"number is {config['number']}")
        self.greeting = config["greeting"]

    def event(self, event: Event, findings: Findings) -> None:
        if event.exec and event.exec.path == b"/conformance/poison":
            state.set("poison", "1")
            raise RuntimeError("poison")
        self.events += 1

        said = fields(event)
        said += put("ret", event.ret)
        said += put("marks", event.marks)
        said += put("tid", event.tid)
        said += put("at", event.at)
        said += put("target", event.target)
        finding = findings.raise_("view", Severity.INFO)
        finding.message(said).evidence(event, "seen").dedup(f"{event.id}")

        process = event.process
        if process is not None:
            for n, part in enumerate(describe.describe(process)):
                (
                    findings.raise_("process", Severity.LOW)
                    .confidence(50)
                    .process(process)
                    .message(part)
                    .evidence(event, describe.note(event))
                    .dedup(f"{event.id} {n}")
                )

        asked = findings.raise_("asked", Severity.INFO).message(asks.ask(event))
        asked.evidence(event, "").dedup(f"{event.id}")

        said = self.remember(event)
        raised = (
            findings.raise_("memory", Severity.CRITICAL)
            .confidence(200)
            .message(said)
            .evidence(event, "")
            .evidence(0xFFFF_FFFF_FFFF_FFFF, "of no event")
            .note("events", str(self.events))
            .technique("T1059.004")
            .dedup(f"{event.id}")
        )
        if process is not None:
            raised.process(process).propose_kill(process)

    def remember(self, event: Event) -> str:
        """What services and helpers answer."""
        key = event.process.key if event.process else 0
        out = self.greeting
        out += put("events", self.events)

        out += put("counted", state.count(f"kind/{event.kind}", 1, 1))
        last = f"last/{event.kind}"
        out += put("before", state.get(last) or b"")
        try:
            state.set(last, event.text + b"\xff", ttl=0.3)
        except Failure as failure:
            out += put("failed", str(failure))
        if event.kind == kind.EXIT:
            state.delete(last)
        out += put("keys", show_list(state.keys("last/", "last/2", 6)))
        try:
            state.set(b"k" * 300, b"")
        except Failure as failure:
            out += put("refused", str(failure))
        metrics.add("events")
        metrics.set("kind", event.kind)
        if event.exec:
            name = next(iter(event.exec.argv), b"")
            log.info(f"exec {name.decode(errors='replace')}")

        hits = self.windows.add(key, event, event.kind % 3)
        out += put("hits", len(hits))
        out += put("distinct", distinct(hits))
        out += put("oldest", hits[0].event)
        if len(hits) == 3 and event.kind % 5 == 0:
            self.windows.forget(key)
        done = self.sequences.step(key, event.kind % 2, event)
        out += put("sequence", show_list(done or []))
        if event.process:
            if event.kind % 7 == 0:
                self.flags.put(event.process, event.kind)
            nearest = self.flags.nearest(event.process, 3)
            out += put("flagged", nearest[0].key if nearest else 0)
            out += put("flag", nearest[1] if nearest else 0)
            if event.kind % 11 == 0:
                out += put("taken", self.flags.take(event.process) or 0)
        return out
