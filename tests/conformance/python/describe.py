"""A process, its lineage, its streams and its container."""

from __future__ import annotations

from show import put, show_list
from vedette_sdk import Event, Process, Stream, cmdline, net


def describe(process: Process) -> list[str]:
    """All of it, in parts that fit messages."""
    return [own(process), streams(process), container(process)]


def own(process: Process) -> str:
    inode, device = process.image_file
    out = put("key", process.key)
    out += put("pid", process.pid)
    out += put("parent", process.parent)
    out += put("uid", process.uid)
    out += put("gid", process.gid)
    out += put("marks", process.marks)
    out += put("image", process.image)
    out += put("start", process.start)
    out += put("capabilities", process.capabilities)
    out += put("inode", inode)
    out += put("device", device)
    out += put("exe", process.exe)
    out += put("base", cmdline.base_name(process.exe))
    out += put("args", show_list(process.args))
    out += put("applet", show_list(cmdline.applet(process.args)))
    out += put("args-len", process.args_len)
    out += put("cwd", process.cwd)
    out += put("comm", process.comm)
    out += put("shell", process.is_shell)
    out += put("interpreter", process.is_interpreter)
    out += put("joining", process.is_joining)
    out += put("mounts", process.in_host_mounts)
    out += put("pids", process.in_host_pids)
    out += put("lineage", show_list(p.key for p in process.lineage()))
    out += put("above", process.ancestor(lambda p: p.is_shell))
    out += put("descends", process.descends_from(process.key))
    out += put("attr", process.attr(1) or 0)
    return out


def streams(process: Process) -> str:
    out = put("in", process.stdin is not None)
    out += put("out", process.stdout is not None)
    out += put("err", process.stderr is not None)
    return out + "".join(map(one_stream, process.streams))


def one_stream(stream: Stream) -> str:
    ip = net.ip(stream.address)
    out = put("fd", stream.fd)
    out += put("kind", stream.kind)
    out += put("marks", stream.marks)
    out += put("id", stream.id)
    out += put("other", stream.other)
    out += put("port", stream.port)
    out += put("address", stream.address)
    out += put("endpoint", net.endpoint(stream.address, stream.port))
    out += put("ip", str(stream.ip) if stream.ip else "-")
    out += put("private", ip is not None and net.is_private(ip))
    out += put("outbound", stream.is_outbound)
    out += put("accepted", stream.is_accepted)
    match stream.object:
        case None:
            out += put("object", "-")
        case ("pipe" | "inet") as kind, id, _:
            out += put("object", f"{kind} {id}")
        case kind, id, other:
            out += put("object", f"{kind} {id} {other}")
    return out


def container(process: Process) -> str:
    parent = process.parent
    out = put("shared", parent is not None and parent.shares_container(process))
    container = process.container
    if container is None:
        return out
    out += put("key", container.key)
    out += put("id", container.id)
    out += put("name", container.name)
    out += put("image", container.image)
    out += put("pod", container.pod)
    out += put("namespace", container.namespace)
    out += put("marks", container.marks)
    out += put("privileged", container.is_privileged)
    out += put("digest", container.digest)
    out += put("labels", show_list(container.labels))
    out += put("app", container.label("app") or b"")
    out += put("mounts", show_list(container.mounts))
    out += put("capabilities", container.capabilities or 0)
    out += put("pod-uid", container.pod_uid)
    return out


def note(event: Event) -> str:
    """What an event's attributes and slots say without a view."""
    out = put("kind", event.kind)
    out += put("a", event.a)
    out += put("b", event.b)
    out += put("c", event.c)
    out += put("text", event.text)
    out += put("text2", event.text2)
    out += put("one", event.attr(1) or 0)
    out += put("two", event.attr_text(2))
    out += put("succeeded", event.succeeded)
    out += put("many", show_list(event.attr_texts(1)))
    out += put("lossy", event.text.decode(errors="replace"))
    return out
