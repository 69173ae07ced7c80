"""Finds programs that run from anonymous memory, so that no file of theirs can be looked at."""

from vedette_sdk import Event, Findings, Plugin, Severity, plugin
from vedette_sdk.values import process_mark


@plugin
class Detection(Plugin):
    def event(self, event: Event, findings: Findings) -> None:
        # Each kind has its own view: `event.connect.port` and so on. docs/events.md lists them.
        process = event.process
        # A deleted file has no name either: a program that was just updated executes itself.
        if not event.exec or process is None or not process.has(process_mark.MEMFD_IMAGE):
            return
        # What the kernel gives is bytes: a name need not be text.
        name = process.exe.decode(errors="replace")
        (
            findings.raise_("fileless", Severity.HIGH)
            .process(process)
            .message(f"{name} runs without a file")
            .evidence(event, "its image is in anonymous memory")
            # One process is one case, however often it executes.
            .dedup(f"process {process.key:x}")
        )
