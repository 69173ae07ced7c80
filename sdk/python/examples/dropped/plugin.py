"""Finds files that are written to a temporary directory and then executed.

Who downloads a tool has to put it somewhere that can be written to, and to execute it. A build does
that too, so it counts only where who executes descends from who wrote: then nobody else put the file
there. In a container, whose files came with its image, it counts more.
"""

from vedette_sdk import (
    Config,
    Event,
    Findings,
    Flags,
    Plugin,
    Sequences,
    Severity,
    Snapshot,
    metrics,
    plugin,
)

MAX_FILES = 4096
"""Written files that are remembered: stops who writes masses of them from filling the memory."""

MAX_WRITERS = 4096
"""Processes of which is remembered that they wrote, for the same reason."""


@plugin
class Dropped(Plugin, Snapshot):
    SCHEMA = 1

    def __init__(self) -> None:
        self.dropped: Sequences[tuple[int, int]] = Sequences(steps=2, within=300, cap=MAX_FILES)
        self.writers: Flags[bool] = Flags(MAX_WRITERS)

    def init(self, config: Config) -> None:
        within = config.get("within", 300)
        self.dropped = Sequences(steps=2, within=within, cap=MAX_FILES)

    def event(self, event: Event, findings: Findings) -> None:
        process = event.process
        if process is None:
            return
        if event.open:
            metrics.add("written")
            self.dropped.step((event.open.inode, event.open.device), 0, event)
            self.writers.put(process, True)
        elif event.exec:
            events = self.dropped.step((event.exec.inode, event.exec.device), 1, event)
            if events is None:
                return
            wrote = self.writers.nearest(process)
            if wrote is None:
                return
            writer, _ = wrote
            path = event.exec.path.decode(errors="replace")
            contained = process.container is not None
            finding = (
                findings.raise_("dropped", Severity.HIGH if contained else Severity.MEDIUM)
                .confidence(80 if contained else 60)
                .process(process)
                .message(f"{path} was written and executed by the same lineage")
                .evidence(events[0], "the file is written")
                .evidence(event, "and executed")
                .note("writer", f"{writer.pid} {writer.exe.decode(errors='replace')}")
                .dedup(f"process {process.key:x}")
            )
            if contained:
                finding.propose_kill(process)
