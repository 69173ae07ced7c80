"""Counters and gauges, shown by the agent under the plugin's id."""

from __future__ import annotations

from ._host import service

_host = service("metrics")


def add(name: str, value: int = 1) -> None:
    """Adds to a counter."""
    _host.add(name, value)


def set(name: str, value: int) -> None:
    """Sets a gauge."""
    _host.set(name, value)
