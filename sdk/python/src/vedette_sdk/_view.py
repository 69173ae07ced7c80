"""What the views of all kinds have."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .process import Process
    from .views import Event


class View:
    """An event as one of its kind."""

    __slots__ = ("event",)

    def __init__(self, event: Event) -> None:
        self.event = event
        """The event itself."""

    @property
    def process(self) -> Process | None:
        """The process that acted, as it was at that moment."""
        return self.event.process


class ExecView(View):
    """What an execution has beyond its fields."""

    __slots__ = ()

    @property
    def argv(self) -> list[bytes]:
        """The arguments of the new image, the name that it was called by first."""
        process = self.event.process
        return process.args if process is not None else []
