"""What the host sends in one call. Everything is read from it when it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .process import Process
from .views import Event

if TYPE_CHECKING:
    from collections.abc import Iterator

    from . import _raw


class Batch:
    """What the host sends in one call."""

    __slots__ = ("raw",)

    def __init__(self, raw: _raw.Batch) -> None:
        self.raw = raw

    def events(self) -> Iterator[Event]:
        """Its events, in order."""
        for raw in self.raw.events:
            yield Event(self, raw)

    def span(self, span: _raw.Span) -> bytes:
        """The bytes of a span; empty where it lies outside of the text."""
        end = span.start + span.len
        text = self.raw.text
        return text[span.start : end] if end <= len(text) else b""

    def process(self, row: int) -> Process | None:
        """The process in this row."""
        rows = self.raw.processes
        return Process(self, rows[row]) if row < len(rows) else None

    def attr(self, attrs: _raw.Range, key: int) -> _raw.Attr | None:
        """The first attribute with this key."""
        for attr in self.raw.attrs[attrs.first : attrs.first + attrs.count]:
            if attr.key == key:
                return attr
        return None

    def texts(self, attrs: _raw.Range, key: int) -> list[bytes]:
        """The texts of all attributes with this key."""
        rows = self.raw.attrs[attrs.first : attrs.first + attrs.count]
        return [self.span(attr.text) for attr in rows if attr.key == key]
