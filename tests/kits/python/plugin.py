"""Asks every service about each execution. Its twins in the other languages say the same."""

from vedette_sdk import (
    Event,
    Failure,
    Findings,
    Plugin,
    Severity,
    context,
    file,
    intel,
    log,
    plugin,
    state,
    timer,
)
from vedette_sdk.values import action, file_role


def told(ask, tell=str):
    try:
        return tell(ask())
    except Failure as failure:
        return f"failure {failure.number}"


def hits(ask):
    return told(ask, lambda hits: "+".join(f"{hit.list}/{hit.entry}/{hit.note}" for hit in hits))


@plugin
class Asks(Plugin):
    def event(self, event: Event, findings: Findings) -> None:
        if event.timer:
            message = f"timer {event.timer.token} at {event.at // 1_000_000_000}"
            findings.raise_("told", Severity.INFO).message(message)
            return
        if event.container:
            told_of = event.container
            id, mount = told_of.id.decode(), told_of.mount.decode()
            message = f"container {id} has {mount}, marks {told_of.marks}"
            findings.raise_("told", Severity.INFO).message(message)
            return
        process = event.process
        if not event.exec or process is None:
            return
        if process.container:
            mounts = b"+".join(process.container.mounts).decode()
            message = f"in one with {mounts}, marks {process.container.marks}"
            findings.raise_("told", Severity.INFO).message(message)
            return
        log.trace("asking")
        path = file_role.PATH
        said = [
            told(lambda: file.sha256(event, path), lambda digest: digest[:2].hex()),
            hits(lambda: intel.digest(file.sha256(event, path))),
            told(lambda: file.head(event, path, 4), bytes.hex),
            told(lambda: file.stat(event, path).size),
            told(
                lambda: file.elf(event, file_role.IMAGE),
                lambda elf: f"{elf.interpreter} {'+'.join(elf.needed)}",
            ),
            told(
                lambda: context.sockets(event, process),
                lambda sockets: "+".join(str(socket.remote_port) for socket in sockets),
            ),
            told(lambda: context.sockets(event, 1), lambda _: "a stranger"),
            hits(lambda: intel.address(bytes([192, 0, 2, 7]))),
            hits(lambda: intel.address(bytes([192, 0, 2, 8]))),
            hits(lambda: intel.domain("www.Evil.example.")),
            hits(lambda: intel.domain("notevil.example")),
            told(lambda: state.set(b"k" * 257, b""), lambda _: "kept"),
            told(lambda: state.set("big", bytes(64 << 10)), lambda _: "kept"),
            told(lambda: state.set("bigger", bytes((64 << 10) + 1)), lambda _: "kept"),
            told(lambda: state.count("n", 3, 9)),
            (state.get("n") or b"").hex() or "none",
            str(len(state.keys("", "", 9))),
            told(lambda: timer.set(process.key, 5), lambda _: "set"),
        ]
        (
            findings.raise_("told", Severity.INFO)
            .process(process)
            .message(", ".join(said))
            .evidence(event, "asked")
            .propose(action.KILL, target=process, event=event)
        )
