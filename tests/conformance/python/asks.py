"""What the services answer that know more than the batch."""

from __future__ import annotations

from collections.abc import Callable

from show import put, show_list
from vedette_sdk import Event, Failure, Process, context, file, intel, timer
from vedette_sdk.intel import Hit
from vedette_sdk.values import file_role


def ask(event: Event) -> str:
    """Asks about an event, and sets timers by it."""
    process = event.process
    key = process.key if process else 0
    out = put("process", _rows(lambda: _one(context.process(event, key))))
    out += put("nobody", _rows(lambda: _one(context.process(event, 1))))
    out += put("children", _rows(lambda: context.children(event, key, 2)))
    container = process.container if process else None
    if container:
        out += put("members", _rows(lambda: context.members(event, container, 3)))

    out += put("text", _hits(lambda: intel.domain(event.text)))
    out += put("domain", _hits(lambda: intel.domain("www.Evil.example.")))
    out += put("address", _hits(lambda: intel.address(bytes([192, 168, 0, 1]))))
    out += put("digest", _hits(lambda: intel.digest(b"\xab" * 32)))

    if event.exec:
        out += put("sockets", _sockets(lambda: context.sockets(event, key)))
        out += put("sha256", _one_of(lambda: file.sha256(event)))
        out += put("head", _one_of(lambda: file.head(event, file_role.IMAGE, 4)))
        out += put("size", _one_of(lambda: file.stat(event).size))
        out += put("machine", _one_of(lambda: file.elf(event, file_role.IMAGE).machine))

    if event.open or event.exec:
        said = ""
        try:
            timer.set(key, 0.25)
        except Failure as failure:
            said = str(failure)
        out += put("timer", said)
        timer.clear(key + 1)
    if event.timer:
        out += put("late", event.at - event.timer.due)
    return out


def _one(process: Process | None) -> list[Process]:
    return [process] if process else []


def _rows(answer: Callable[[], list[Process]]) -> str:
    def one(process: Process) -> str:
        lineage = len(list(process.lineage()))
        return f"{process.key}{put('exe', process.exe)}{put('lineage', lineage)}"

    try:
        return show_list(map(one, answer()))
    except Failure as failure:
        return str(failure)


def _sockets(answer: Callable[[], list[context.Socket]]) -> str:
    def one(socket: context.Socket) -> str:
        return f"{socket.inode}{put('remote', socket.remote)}{put('port', socket.remote_port)}"

    try:
        return show_list(map(one, answer()))
    except Failure as failure:
        return str(failure)


def _one_of(answer: Callable[[], bytes | int]) -> bytes | int | str:
    try:
        return answer()
    except Failure as failure:
        return str(failure)


def _hits(answer: Callable[[], list[Hit]]) -> str:
    try:
        return show_list(f"{hit.list}/{hit.entry}/{hit.note}" for hit in answer())
    except Failure as failure:
        return str(failure)
