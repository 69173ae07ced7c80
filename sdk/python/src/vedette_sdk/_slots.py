"""What every event has, whatever its kind: the fields and slots of `record event`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .kind import NAMES

if TYPE_CHECKING:
    from . import _raw
    from .batch import Batch
    from .process import Process


class Slots:
    """An event before it is known of which kind it is."""

    __slots__ = ("_batch", "_raw")

    def __init__(self, batch: Batch, raw: _raw.Event) -> None:
        self._batch = batch
        self._raw = raw

    @property
    def kind(self) -> int:
        """Number of its kind: one of `vedette_sdk.kind`."""
        return self._raw.kind

    @property
    def id(self) -> int:
        """Unique for one run of the sensor. This is what evidence refers to."""
        return self._raw.id

    @property
    def at(self) -> int:
        """When it happened, ns since boot."""
        return self._raw.at

    @property
    def ret(self) -> int:
        """What the system call returned: a value or a negative errno."""
        return self._raw.ret

    @property
    def succeeded(self) -> bool:
        """Whether the system call did what it was asked to."""
        return self._raw.ret >= 0

    @property
    def tid(self) -> int:
        """Thread that acted."""
        return self._raw.tid

    @property
    def marks(self) -> int:
        """Bits of `values.event_mark`."""
        return self._raw.marks

    @property
    def process(self) -> Process | None:
        """The process that acted, as it was at that moment. None for ticks and losses."""
        return self._batch.process(self._raw.process)

    @property
    def target(self) -> Process | None:
        """The process that was acted upon."""
        return self._batch.process(self._raw.target)

    @property
    def a(self) -> int:
        """Slot `a`."""
        return self._raw.a

    @property
    def b(self) -> int:
        """Slot `b`."""
        return self._raw.b

    @property
    def c(self) -> int:
        """Slot `c`."""
        return self._raw.c

    @property
    def text(self) -> bytes:
        """Slot `text`."""
        return self._batch.span(self._raw.text)

    @property
    def text2(self) -> bytes:
        """Slot `text2`."""
        return self._batch.span(self._raw.text2)

    def attr(self, key: int) -> int | None:
        """Value of the attribute with this key."""
        found = self._batch.attr(self._raw.attrs, key)
        return found.value if found is not None else None

    def attr_text(self, key: int) -> bytes:
        """Text of the attribute with this key, empty where there is none."""
        found = self._batch.attr(self._raw.attrs, key)
        return self._batch.span(found.text) if found is not None else b""

    def attr_texts(self, key: int) -> list[bytes]:
        """Texts of all attributes with this key."""
        return self._batch.texts(self._raw.attrs, key)

    def __repr__(self) -> str:
        return f"<{NAMES.get(self.kind, 'unknown')} {self.id} by {self.process!r}>"
