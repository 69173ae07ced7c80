"""What the host calls: a component's exports, over the plugin that was declared."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from . import _raw
from ._plugin import Plugin, Snapshot, declared
from .batch import Batch
from .finding import Findings

if TYPE_CHECKING:
    from collections.abc import Sequence


def start() -> Plugin:
    """A fresh instance of the plugin."""
    return declared()()


def init(plugin: Plugin, config: str) -> None:
    """The host's call `init`."""
    plugin.init(json.loads(config))


def detect(plugin: Plugin, batch: _raw.Batch) -> Sequence[_raw.Finding]:
    """The host's call `detect`."""
    findings = Findings()
    for event in Batch(batch).events():
        plugin.event(event, findings)
    return findings.raw


def has_snapshot() -> bool:
    """Whether the plugin hands over what it remembers."""
    return issubclass(declared(), Snapshot)
