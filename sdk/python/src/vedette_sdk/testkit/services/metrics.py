"""The service `metrics`."""

from . import seen


def add(name: str, value: int) -> None:
    """Adds to a counter."""
    seen.counters[name] = seen.counters.get(name, 0) + value


def set(name: str, value: int) -> None:
    """Sets a gauge."""
    seen.gauges[name] = value
