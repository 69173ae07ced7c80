"""The same story in the agent's own runtime."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

from . import services

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .. import _raw
    from .scene import Told
    from .services.given import Given
    from .tables import MomentRow


def compare(told: list[Told], given: Given, config: str, native: list[_raw.Finding]) -> None:
    """Runs the component over the story, where `VEDETTE_COMPONENT` names one, and compares."""
    component = os.environ.get("VEDETTE_COMPONENT")
    if component is None:
        return
    ran = subprocess.run(
        [os.environ.get("VEDETTE", "vedette"), "plugin", "scene", component],
        input=json.dumps(_story(told, given, config)).encode(),
        capture_output=True,
        check=False,
    )
    assert ran.returncode == 0, f"in the sandbox: {ran.stderr.decode(errors='replace')}"
    found = json.loads(ran.stdout)
    shown = [_shown(finding) for finding in native]
    assert shown == found, (
        "natively the plugin finds other things than in the sandbox, where it gets what its "
        f"manifest asks for: {shown} and {found}"
    )


def _shown(finding: _raw.Finding) -> dict[str, Any]:
    """A finding, as far as both ways tell it alike."""
    return {
        "rule": finding.rule,
        "process": finding.process,
        "message": finding.message,
        "evidence": [[one.event, one.note] for one in finding.evidence],
        "dedup": finding.dedup,
    }


def _story(told: list[Told], given: Given, config: str) -> dict[str, Any]:
    rows = _Rows()
    events = [
        {
            "kind": one.act.kind,
            "id": one.id,
            "at": one.at,
            "ret": one.act.ret,
            "marks": one.act.marks,
            "process": rows.put(one.process),
            "target": rows.put(one.target),
            "rows": [rows.put(row) for row in one.rows],
            "a": one.act.a,
            "b": one.act.b,
            "c": one.act.c,
            "text": list(one.act.text),
            "text2": list(one.act.text2),
            "attrs": _attrs(one.act.attrs),
        }
        for one in told
    ]
    # The last native run has asked what the component will ask.
    answers = [
        {"event": event, "asked": asked, "said": said}
        for (event, asked), said in services.stage.answered.items()
    ]
    return {
        "config": config,
        "lists": None if given.lists is None else list(given.lists.texts.items()),
        "answers": answers,
        "rows": rows.rows,
        "events": events,
    }


def _attrs(attrs: Iterable[tuple[int, int, bytes]]) -> list[list[Any]]:
    return [[key, value, list(text)] for key, value, text in attrs]


class _Rows:
    """The rows of a story, each once; parents stand before their children."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.places: dict[int, int] = {}

    def put(self, row: MomentRow | None) -> int | None:
        if row is None:
            return None
        # The story holds its rows: what is told apart by identity lives on.
        if id(row) not in self.places:
            parent = self.put(row.parent)
            numbers = "key container pid uid gid marks image start capabilities inode".split()
            texts = ("exe", "args", "cwd", "comm")
            self.rows.append(
                {
                    "parent": parent,
                    "streams": [
                        {**vars(what), "fd": fd, "address": list(what.address)}
                        for fd, what in sorted(row.fds.items())
                    ],
                    **{name: getattr(row, name) for name in numbers},
                    **{name: list(getattr(row, name)) for name in texts},
                    "container_marks": row.container_marks,
                    "container_attrs": _attrs(row.container_attrs),
                }
            )
            self.places[id(row)] = len(self.rows) - 1
        return self.places[id(row)]
