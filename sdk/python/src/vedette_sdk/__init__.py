"""Write detection plugins for Vedette: a class, a manifest and one method.

```python
from vedette_sdk import Event, Findings, Plugin, Severity, plugin
from vedette_sdk.values import process_mark


@plugin
class Fileless(Plugin):
    def event(self, event: Event, findings: Findings) -> None:
        process = event.process
        if event.exec and process and process.has(process_mark.MEMFD_IMAGE):
            finding = findings.raise_("fileless", Severity.HIGH)
            finding.process(process).evidence(event, "runs from memory")
```

Bytes from the kernel need not be text: paths and arguments are `bytes`, never `str`. The same
events must always give the same findings: a plugin has no clock (`event.at` is the time), and no
randomness.
"""

from . import cmdline, context, file, intel, kind, log, metrics, net, state, timer, values, views
from ._plugin import Config, Plugin, Refused, Snapshot, plugin
from .failure import Failure
from .finding import Finding, Findings, Severity
from .lineage import Flags
from .process import Container, Process
from .sequence import Sequences
from .stream import Stream
from .views import Event
from .window import Windows

__all__ = [
    "Config",
    "Container",
    "Event",
    "Failure",
    "Finding",
    "Findings",
    "Flags",
    "Plugin",
    "Process",
    "Refused",
    "Sequences",
    "Severity",
    "Snapshot",
    "Stream",
    "Windows",
    "cmdline",
    "context",
    "file",
    "intel",
    "kind",
    "log",
    "metrics",
    "net",
    "plugin",
    "state",
    "timer",
    "values",
    "views",
]
