//! Every field of every view.
//!
//! Written from wit/events.toml by `make docs`: change it there.

use crate::show::put;
use vedette_sdk::Event;

/// The fields of the view of an event's kind.
pub fn fields(event: Event<'_>) -> String {
    let mut out = String::new();
    if let Some(view) = event.as_exec() {
        out.push_str("exec");
        put(&mut out, "path", view.path());
        put(&mut out, "filename", view.filename());
        put(&mut out, "inode", view.inode());
        put(&mut out, "device", view.device());
        put(&mut out, "links", view.links());
    }
    if let Some(view) = event.as_fork() {
        out.push_str("fork");
        put(&mut out, "child", view.child());
        put(&mut out, "namespaces", view.namespaces());
    }
    if let Some(view) = event.as_exit() {
        out.push_str("exit");
        put(&mut out, "code", view.code());
    }
    if let Some(view) = event.as_existing() {
        out.push_str("existing");
        put(&mut out, "path", view.path());
    }
    if let Some(view) = event.as_credentials() {
        out.push_str("credentials");
        put(&mut out, "cause", view.cause());
        put(&mut out, "old-uid", view.old_uid());
        put(&mut out, "old-effective-uid", view.old_effective_uid());
        put(&mut out, "effective-uid", view.effective_uid());
        put(&mut out, "old-capabilities", view.old_capabilities());
        put(&mut out, "old-gid", view.old_gid());
    }
    if let Some(view) = event.as_signal() {
        out.push_str("signal");
        put(&mut out, "signal", view.signal());
        put(&mut out, "result", view.result());
        put(&mut out, "receiver", view.receiver());
    }
    if let Some(view) = event.as_open() {
        out.push_str("open");
        put(&mut out, "path", view.path());
        put(&mut out, "flags", view.flags());
        put(&mut out, "marks", view.marks());
        put(&mut out, "inode", view.inode());
        put(&mut out, "device", view.device());
        put(&mut out, "filesystem", view.filesystem());
        put(&mut out, "owner", view.owner());
    }
    if let Some(view) = event.as_rename() {
        out.push_str("rename");
        put(&mut out, "path", view.path());
        put(&mut out, "old-path", view.old_path());
        put(&mut out, "inode", view.inode());
        put(&mut out, "device", view.device());
        put(&mut out, "flags", view.flags());
    }
    if let Some(view) = event.as_unlink() {
        out.push_str("unlink");
        put(&mut out, "path", view.path());
        put(&mut out, "flags", view.flags());
        put(&mut out, "inode", view.inode());
        put(&mut out, "device", view.device());
    }
    if let Some(view) = event.as_link() {
        out.push_str("link");
        put(&mut out, "path", view.path());
        put(&mut out, "old-path", view.old_path());
        put(&mut out, "inode", view.inode());
        put(&mut out, "device", view.device());
    }
    if let Some(view) = event.as_symlink() {
        out.push_str("symlink");
        put(&mut out, "path", view.path());
        put(&mut out, "content", view.content());
        put(&mut out, "inode", view.inode());
        put(&mut out, "device", view.device());
    }
    if let Some(view) = event.as_chmod() {
        out.push_str("chmod");
        put(&mut out, "path", view.path());
        put(&mut out, "mode", view.mode());
        put(&mut out, "inode", view.inode());
        put(&mut out, "device", view.device());
    }
    if let Some(view) = event.as_chown() {
        out.push_str("chown");
        put(&mut out, "path", view.path());
        put(&mut out, "owner", view.owner());
        put(&mut out, "group", view.group());
        put(&mut out, "inode", view.inode());
        put(&mut out, "device", view.device());
    }
    if let Some(view) = event.as_xattr() {
        out.push_str("xattr");
        put(&mut out, "path", view.path());
        put(&mut out, "name", view.name());
        put(&mut out, "operation", view.operation());
        put(&mut out, "inode", view.inode());
        put(&mut out, "device", view.device());
    }
    if let Some(view) = event.as_file_flags() {
        out.push_str("file-flags");
        put(&mut out, "path", view.path());
        put(&mut out, "flags", view.flags());
        put(&mut out, "inode", view.inode());
        put(&mut out, "device", view.device());
    }
    if let Some(view) = event.as_truncate() {
        out.push_str("truncate");
        put(&mut out, "path", view.path());
        put(&mut out, "length", view.length());
        put(&mut out, "inode", view.inode());
        put(&mut out, "device", view.device());
    }
    if let Some(view) = event.as_mknod() {
        out.push_str("mknod");
        put(&mut out, "path", view.path());
        put(&mut out, "mode", view.mode());
        put(&mut out, "stands-for", view.stands_for());
        put(&mut out, "inode", view.inode());
        put(&mut out, "device", view.device());
    }
    if let Some(view) = event.as_mkdir() {
        out.push_str("mkdir");
        put(&mut out, "path", view.path());
        put(&mut out, "mode", view.mode());
        put(&mut out, "inode", view.inode());
        put(&mut out, "device", view.device());
    }
    if let Some(view) = event.as_library() {
        out.push_str("library");
        put(&mut out, "path", view.path());
        put(&mut out, "marks", view.marks());
        put(&mut out, "protection", view.protection());
        put(&mut out, "inode", view.inode());
        put(&mut out, "device", view.device());
    }
    if let Some(view) = event.as_splice() {
        out.push_str("splice");
        put(&mut out, "path", view.path());
        put(&mut out, "marks", view.marks());
        put(&mut out, "pipe", view.pipe());
        put(&mut out, "inode", view.inode());
    }
    if let Some(view) = event.as_connect() {
        out.push_str("connect");
        put(&mut out, "address", view.address());
        put(&mut out, "port", view.port());
        put(&mut out, "family", view.family());
        put(&mut out, "socket", view.socket());
        put(&mut out, "cookie", view.cookie());
        put(&mut out, "peer", view.peer());
    }
    if let Some(view) = event.as_accept() {
        out.push_str("accept");
        put(&mut out, "address", view.address());
        put(&mut out, "port", view.port());
        put(&mut out, "family", view.family());
        put(&mut out, "socket", view.socket());
        put(&mut out, "cookie", view.cookie());
        put(&mut out, "local-port", view.local_port());
        put(&mut out, "peer-socket", view.peer_socket());
        put(&mut out, "peer", view.peer());
    }
    if let Some(view) = event.as_bind() {
        out.push_str("bind");
        put(&mut out, "address", view.address());
        put(&mut out, "port", view.port());
        put(&mut out, "family", view.family());
        put(&mut out, "socket", view.socket());
    }
    if let Some(view) = event.as_listen() {
        out.push_str("listen");
        put(&mut out, "address", view.address());
        put(&mut out, "port", view.port());
        put(&mut out, "family", view.family());
        put(&mut out, "socket", view.socket());
    }
    if let Some(view) = event.as_sent() {
        out.push_str("sent");
        put(&mut out, "payload", view.payload());
        put(&mut out, "address", view.address());
        put(&mut out, "port", view.port());
        put(&mut out, "length", view.length());
        put(&mut out, "socket", view.socket());
        put(&mut out, "cookie", view.cookie());
        put(&mut out, "protocol", view.protocol());
        put(&mut out, "marks", view.marks());
    }
    if let Some(view) = event.as_socket() {
        out.push_str("socket");
        put(&mut out, "family", view.family());
        put(&mut out, "protocol", view.protocol());
        put(&mut out, "socket", view.socket());
        put(&mut out, "cookie", view.cookie());
    }
    if let Some(view) = event.as_send() {
        out.push_str("send");
        put(&mut out, "address", view.address());
        put(&mut out, "port", view.port());
        put(&mut out, "family", view.family());
        put(&mut out, "socket", view.socket());
        put(&mut out, "cookie", view.cookie());
        put(&mut out, "peer", view.peer());
    }
    if let Some(view) = event.as_received() {
        out.push_str("received");
        put(&mut out, "payload", view.payload());
        put(&mut out, "address", view.address());
        put(&mut out, "port", view.port());
        put(&mut out, "length", view.length());
        put(&mut out, "socket", view.socket());
        put(&mut out, "cookie", view.cookie());
        put(&mut out, "protocol", view.protocol());
        put(&mut out, "marks", view.marks());
    }
    if let Some(view) = event.as_dns() {
        out.push_str("dns");
        put(&mut out, "name", view.name());
        put(&mut out, "address", view.address());
        put(&mut out, "type", view.kind_name());
        put(&mut out, "code", view.code());
        put(&mut out, "answers", view.answers());
        put(&mut out, "is-answer", view.is_answer());
        put(&mut out, "cookie", view.cookie());
        put(&mut out, "answer", view.answer());
    }
    if let Some(view) = event.as_tls() {
        out.push_str("tls");
        put(&mut out, "server-name", view.server_name());
        put(&mut out, "address", view.address());
        put(&mut out, "port", view.port());
        put(&mut out, "version", view.version());
        put(&mut out, "socket", view.socket());
        put(&mut out, "cookie", view.cookie());
        put(&mut out, "protocols", view.protocols());
    }
    if let Some(view) = event.as_icmp() {
        out.push_str("icmp");
        put(&mut out, "payload", view.payload());
        put(&mut out, "address", view.address());
        put(&mut out, "type", view.kind_name());
        put(&mut out, "length", view.length());
        put(&mut out, "socket", view.socket());
        put(&mut out, "cookie", view.cookie());
    }
    if let Some(view) = event.as_disconnect() {
        out.push_str("disconnect");
        put(&mut out, "address", view.address());
        put(&mut out, "port", view.port());
        put(&mut out, "side", view.side());
        put(&mut out, "socket", view.socket());
        put(&mut out, "cookie", view.cookie());
        put(&mut out, "sent", view.sent());
        put(&mut out, "received", view.received());
    }
    if let Some(view) = event.as_dup() {
        out.push_str("dup");
        put(&mut out, "fd", view.fd());
        put(&mut out, "stream", view.stream());
        put(&mut out, "identity", view.identity());
        put(&mut out, "marks", view.marks());
        put(&mut out, "port", view.port());
        put(&mut out, "address", view.address());
    }
    if let Some(view) = event.as_pipe() {
        out.push_str("pipe");
        put(&mut out, "inode", view.inode());
        put(&mut out, "read-fd", view.read_fd());
        put(&mut out, "write-fd", view.write_fd());
    }
    if let Some(view) = event.as_socketpair() {
        out.push_str("socketpair");
        put(&mut out, "first", view.first());
        put(&mut out, "second", view.second());
    }
    if let Some(view) = event.as_terminal() {
        out.push_str("terminal");
        put(&mut out, "index", view.index());
        put(&mut out, "device", view.device());
    }
    if let Some(view) = event.as_passed() {
        out.push_str("passed");
        put(&mut out, "fd", view.fd());
        put(&mut out, "stream", view.stream());
        put(&mut out, "identity", view.identity());
        put(&mut out, "marks", view.marks());
        put(&mut out, "port", view.port());
        put(&mut out, "address", view.address());
        put(&mut out, "other", view.other());
        put(&mut out, "sender", view.sender());
        put(&mut out, "how", view.how());
    }
    if let Some(view) = event.as_setns() {
        out.push_str("setns");
        put(&mut out, "types", view.types());
        put(&mut out, "changed", view.changed());
        put(&mut out, "mount-namespace", view.mount_namespace());
        put(&mut out, "pid-namespace", view.pid_namespace());
    }
    if let Some(view) = event.as_unshare() {
        out.push_str("unshare");
        put(&mut out, "types", view.types());
    }
    if let Some(view) = event.as_mount() {
        out.push_str("mount");
        put(&mut out, "target", view.target());
        put(&mut out, "source", view.source());
        put(&mut out, "flags", view.flags());
        put(&mut out, "marks", view.marks());
        put(&mut out, "filesystem", view.filesystem());
        put(&mut out, "operation", view.operation());
        put(&mut out, "device", view.device());
        put(&mut out, "type", view.kind_name());
    }
    if let Some(view) = event.as_cgroup_move() {
        out.push_str("cgroup-move");
        put(&mut out, "path", view.path());
        put(&mut out, "cgroup", view.cgroup());
        put(&mut out, "hierarchy", view.hierarchy());
        put(&mut out, "moved", view.moved());
    }
    if let Some(view) = event.as_ptrace() {
        out.push_str("ptrace");
        put(&mut out, "request", view.request());
        put(&mut out, "address", view.address());
        put(&mut out, "tracee", view.tracee());
    }
    if let Some(view) = event.as_process_memory() {
        out.push_str("process-memory");
        put(&mut out, "access", view.access());
        put(&mut out, "owner", view.owner());
    }
    if let Some(view) = event.as_memfd() {
        out.push_str("memfd");
        put(&mut out, "name", view.name());
        put(&mut out, "flags", view.flags());
        put(&mut out, "inode", view.inode());
    }
    if let Some(view) = event.as_module() {
        out.push_str("module");
        put(&mut out, "path", view.path());
        put(&mut out, "name", view.name());
    }
    if let Some(view) = event.as_bpf() {
        out.push_str("bpf");
        put(&mut out, "command", view.command());
        put(&mut out, "type", view.kind_name());
        put(&mut out, "attachment", view.attachment());
        put(&mut out, "name", view.name());
    }
    if let Some(view) = event.as_executable_memory() {
        out.push_str("executable-memory");
        put(&mut out, "address", view.address());
        put(&mut out, "length", view.length());
        put(&mut out, "protection", view.protection());
        put(&mut out, "marks", view.marks());
        put(&mut out, "path", view.path());
    }
    if let Some(view) = event.as_keyctl() {
        out.push_str("keyctl");
        put(&mut out, "operation", view.operation());
        put(&mut out, "key", view.key());
        put(&mut out, "type", view.kind_name());
        put(&mut out, "description", view.description());
    }
    if let Some(view) = event.as_userfaultfd() {
        out.push_str("userfaultfd");
        put(&mut out, "flags", view.flags());
    }
    if let Some(view) = event.as_perf_event() {
        out.push_str("perf-event");
        put(&mut out, "type", view.kind_name());
        put(&mut out, "config", view.config());
        put(&mut out, "observed", view.observed());
    }
    if let Some(view) = event.as_io_uring() {
        out.push_str("io-uring");
        put(&mut out, "entries", view.entries());
        put(&mut out, "flags", view.flags());
    }
    if let Some(view) = event.as_cgroup() {
        out.push_str("cgroup");
        put(&mut out, "path", view.path());
        put(&mut out, "cgroup", view.cgroup());
        put(&mut out, "hierarchy", view.hierarchy());
    }
    if let Some(view) = event.as_container() {
        out.push_str("container");
        put(&mut out, "id", view.id());
        put(&mut out, "name", view.name());
        put(&mut out, "cgroup", view.cgroup());
        put(&mut out, "marks", view.marks());
        put(&mut out, "image", view.image());
        put(&mut out, "pod", view.pod());
        put(&mut out, "namespace", view.namespace());
        put(&mut out, "digest", view.digest());
        put(&mut out, "label", view.label());
        put(&mut out, "mount", view.mount());
        put(&mut out, "runtime", view.runtime());
        put(&mut out, "capabilities", view.capabilities());
        put(&mut out, "pod-uid", view.pod_uid());
        put(&mut out, "outer", view.outer());
    }
    if let Some(view) = event.as_cgroup_removed() {
        out.push_str("cgroup-removed");
        put(&mut out, "path", view.path());
        put(&mut out, "cgroup", view.cgroup());
        put(&mut out, "hierarchy", view.hierarchy());
    }
    if let Some(_view) = event.as_tick() {
        out.push_str("tick");
    }
    if let Some(view) = event.as_loss() {
        out.push_str("loss");
        put(&mut out, "count", view.count());
        put(&mut out, "cause", view.cause());
        put(&mut out, "lost-kind", view.lost_kind());
        put(&mut out, "cgroup", view.cgroup());
        put(&mut out, "cgroup-v1", view.cgroup_v1());
    }
    if let Some(view) = event.as_timer() {
        out.push_str("timer");
        put(&mut out, "token", view.token());
        put(&mut out, "due", view.due());
    }
    if let Some(view) = event.as_answer() {
        out.push_str("answer");
        put(&mut out, "question", view.question());
        put(&mut out, "answer", view.answer());
        put(&mut out, "about", view.about());
    }
    if let Some(view) = event.as_intel() {
        out.push_str("intel");
        put(&mut out, "digest", view.digest());
        put(&mut out, "entries", view.entries());
    }
    out
}
