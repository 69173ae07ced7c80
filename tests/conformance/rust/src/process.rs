//! A process, its lineage, its streams and its container.

use crate::show::{list, put};
use vedette_sdk::{Event, Object, Process, Stream, cmdline, net};

/// All of it, in parts that fit messages.
pub fn describe(process: Process<'_>) -> [String; 3] {
    [own(process), streams(process), container(process)]
}

fn own(process: Process<'_>) -> String {
    let mut out = String::new();
    put(&mut out, "key", process.key());
    put(&mut out, "pid", process.pid());
    put(&mut out, "parent", process.parent());
    put(&mut out, "uid", process.uid());
    put(&mut out, "gid", process.gid());
    put(&mut out, "marks", process.marks());
    put(&mut out, "image", process.image());
    put(&mut out, "start", process.start());
    put(&mut out, "capabilities", process.capabilities());
    let (inode, device) = process.image_file();
    put(&mut out, "inode", inode);
    put(&mut out, "device", device);
    put(&mut out, "exe", process.exe());
    put(&mut out, "base", cmdline::base_name(process.exe()));
    put(&mut out, "args", list(process.args()).as_str());
    put(
        &mut out,
        "applet",
        list(cmdline::applet(process.args())).as_str(),
    );
    put(&mut out, "args-len", process.args_len());
    put(&mut out, "cwd", process.cwd());
    put(&mut out, "comm", process.comm());
    put(&mut out, "shell", process.is_shell());
    put(&mut out, "interpreter", process.is_interpreter());
    put(&mut out, "joining", process.is_joining());
    put(&mut out, "mounts", process.in_host_mounts());
    put(&mut out, "pids", process.in_host_pids());
    put(
        &mut out,
        "lineage",
        list(process.lineage().map(Process::key)).as_str(),
    );
    put(&mut out, "above", process.ancestor(Process::is_shell));
    put(&mut out, "descends", process.descends_from(process.key()));
    put(&mut out, "attr", process.attr(1).unwrap_or(0));
    out
}

fn streams(process: Process<'_>) -> String {
    let mut out = String::new();
    put(&mut out, "in", process.stdin().is_some());
    put(&mut out, "out", process.stdout().is_some());
    put(&mut out, "err", process.stderr().is_some());
    for stream in process.streams() {
        one_stream(&mut out, stream);
    }
    out
}

fn one_stream(out: &mut String, stream: Stream<'_>) {
    put(out, "fd", stream.fd());
    put(out, "kind", stream.kind());
    put(out, "marks", stream.marks());
    put(out, "id", stream.id());
    put(out, "other", stream.other());
    put(out, "port", stream.port());
    put(out, "address", stream.address());
    put(
        out,
        "endpoint",
        net::endpoint(stream.address(), stream.port()).as_str(),
    );
    put(
        out,
        "ip",
        stream
            .ip()
            .map_or_else(|| "-".to_owned(), |ip| ip.to_string())
            .as_str(),
    );
    put(
        out,
        "private",
        net::ip(stream.address()).is_some_and(net::is_private),
    );
    put(out, "outbound", stream.is_outbound());
    put(out, "accepted", stream.is_accepted());
    let object = match stream.object() {
        None => "-".to_owned(),
        Some(Object::Pipe(id)) => format!("pipe {id}"),
        Some(Object::Fifo(id, device)) => format!("fifo {id} {device}"),
        Some(Object::Terminal(device, index)) => format!("terminal {device} {index}"),
        Some(Object::Inet(id)) => format!("inet {id}"),
        Some(Object::Unix(first, second)) => format!("unix {first} {second}"),
    };
    put(out, "object", object.as_str());
}

fn container(process: Process<'_>) -> String {
    let mut out = String::new();
    let parent = process.parent();
    put(
        &mut out,
        "shared",
        parent.is_some_and(|p| p.shares_container(process)),
    );
    let Some(container) = process.container() else {
        return out;
    };
    put(&mut out, "key", container.key());
    put(&mut out, "id", container.id());
    put(&mut out, "name", container.name());
    put(&mut out, "image", container.image());
    put(&mut out, "pod", container.pod());
    put(&mut out, "namespace", container.namespace());
    put(&mut out, "marks", container.marks());
    put(&mut out, "privileged", container.is_privileged());
    put(&mut out, "digest", container.digest());
    put(&mut out, "labels", list(container.labels()).as_str());
    put(&mut out, "app", container.label("app").unwrap_or_default());
    put(&mut out, "mounts", list(container.mounts()).as_str());
    put(
        &mut out,
        "capabilities",
        container.capabilities().unwrap_or(0),
    );
    put(&mut out, "pod-uid", container.pod_uid());
    out
}

/// What an event's attributes and slots say without a view.
pub fn note(event: Event<'_>) -> String {
    let mut out = String::new();
    put(&mut out, "kind", event.kind());
    put(&mut out, "a", event.a());
    put(&mut out, "b", event.b());
    put(&mut out, "c", event.c());
    put(&mut out, "text", event.text());
    put(&mut out, "text2", event.text2());
    put(&mut out, "one", event.attr(1).unwrap_or(0));
    put(&mut out, "two", event.attr_text(2));
    put(&mut out, "succeeded", event.succeeded());
    put(&mut out, "many", list(event.attr_texts(1)).as_str());
    put(
        &mut out,
        "lossy",
        String::from_utf8_lossy(event.text()).as_ref(),
    );
    out
}
