"""What a plugin is."""

from __future__ import annotations

import pickle
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

if TYPE_CHECKING:
    from .finding import Findings
    from .views import Event

Config = dict[str, Any]
"""The configuration that the operator gave to the plugin, over the manifest's defaults."""


class Refused(Exception):
    """Raise it in `init` or `restore`: the plugin does not start, or on a reload the older one
    stays in service."""


class Plugin(ABC):
    """A detection. Write a class of it and put `@plugin` before it."""

    def init(self, config: Config) -> None:
        """Called once, before the first event. `Refused` refuses the plugin."""

    @abstractmethod
    def event(self, event: Event, findings: Findings) -> None:
        """Called for each event that a subscription of the manifest matches, in order."""


class Snapshot:
    """A second base class: what the plugin remembers is handed to its next version on a reload.

    It is the plugin's attributes, unless the methods are written anew.
    """

    SCHEMA: ClassVar[int]
    """Number of the form of `save`'s bytes; a new form gets a new number."""

    def save(self) -> bytes:
        """Everything that the next version should know."""
        return pickle.dumps(self.__dict__)

    def restore(self, schema: int, data: bytes) -> None:
        """Takes over what another version saved. Called after `init`. `Refused` keeps the older
        version in service, so an unknown form that can be forgotten is to be ignored."""
        if schema != self.SCHEMA:
            raise Refused(f"it takes over snapshots of schema {self.SCHEMA}, not {schema}")
        # What it saved itself, in a sandbox that holds nothing else.
        self.__dict__.update(pickle.loads(data))


P = TypeVar("P", bound="type[Plugin]")

_declared: list[type[Plugin]] = []


def plugin(cls: P) -> P:
    """Says which class is the plugin that a component is built of."""
    _declared.append(cls)
    return cls


def declared() -> type[Plugin]:
    """The class that was declared."""
    if len(_declared) != 1:
        found = f"{len(_declared)} classes" if _declared else "no class"
        raise TypeError(f"{found} declared; put @plugin before exactly one class of Plugin")
    return _declared[0]
