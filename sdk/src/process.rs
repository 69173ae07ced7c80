//! A process and its container, as they were at the moment of an event.

use crate::event::Batch;
use crate::values::{container_mark, image_class, process_mark};
use crate::{Stream, cmdline, raw};

/// A process as it was at the moment of the event that refers to it.
#[derive(Clone, Copy)]
pub struct Process<'a> {
    pub(crate) batch: Batch<'a>,
    pub(crate) raw: &'a raw::Process,
}

impl<'a> Process<'a> {
    /// Stable for the life of the process: the same in every batch.
    pub fn key(self) -> u64 {
        self.raw.key
    }

    /// In the initial pid namespace.
    pub fn pid(self) -> u32 {
        self.raw.pid
    }

    /// Its parent as it was when this process began.
    pub fn parent(self) -> Option<Process<'a>> {
        self.batch.process(self.raw.parent)
    }

    /// The process itself and its ancestors, nearest first.
    pub fn lineage(self) -> Lineage<'a> {
        Lineage {
            next: Some(self),
            left: self.batch.0.processes.len(),
        }
    }

    /// Its ancestors, nearest first.
    pub fn ancestors(self) -> impl Iterator<Item = Process<'a>> {
        self.lineage().skip(1)
    }

    /// The nearest ancestor for which this holds.
    pub fn ancestor(self, mut matches: impl FnMut(Process<'a>) -> bool) -> Option<Process<'a>> {
        self.ancestors().find(|process| matches(*process))
    }

    /// Whether a process with this key is among its ancestors.
    pub fn descends_from(self, key: u64) -> bool {
        self.ancestors().any(|process| process.key() == key)
    }

    /// The container that it is in.
    pub fn container(self) -> Option<Container<'a>> {
        let raw = self.batch.0.containers.get(self.raw.container as usize)?;
        Some(Container {
            batch: self.batch,
            raw,
        })
    }

    /// Whether both are in one container, or both in none.
    pub fn shares_container(self, other: Process<'_>) -> bool {
        self.container().map(Container::key) == other.container().map(Container::key)
    }

    /// Real user id.
    pub fn uid(self) -> u32 {
        self.raw.uid
    }

    /// Real group id.
    pub fn gid(self) -> u32 {
        self.raw.gid
    }

    /// Bits of [`process_mark`].
    pub fn marks(self) -> u32 {
        self.raw.marks
    }

    /// Whether any of these bits of [`process_mark`] is set.
    pub fn has(self, marks: u32) -> bool {
        self.raw.marks & marks != 0
    }

    /// Whether its image was executed outside of the container that it is in: a runtime that is
    /// setting the container up.
    pub fn is_joining(self) -> bool {
        self.has(process_mark::JOINING)
    }

    /// Whether it is in the mount namespace of the machine's init.
    pub fn in_host_mounts(self) -> bool {
        self.has(process_mark::HOST_MOUNT_NAMESPACE)
    }

    /// Whether it is in the pid namespace of the machine's init.
    pub fn in_host_pids(self) -> bool {
        self.has(process_mark::HOST_PID_NAMESPACE)
    }

    /// What the executed file is by its content: one of [`image_class`].
    pub fn image(self) -> u32 {
        self.raw.image
    }

    /// Whether it is a shell by the content of its file; of a file with many applets, by the
    /// applet that it was called as.
    pub fn is_shell(self) -> bool {
        match self.raw.image {
            image_class::SHELL => true,
            image_class::MULTICALL_SHELL => cmdline::is_shell_applet(self.args()),
            _ => false,
        }
    }

    /// Whether it is the runtime of a scripting language.
    pub fn is_interpreter(self) -> bool {
        self.raw.image == image_class::INTERPRETER
    }

    /// Start of the process, ns since boot.
    pub fn start(self) -> u64 {
        self.raw.start
    }

    /// Effective capabilities.
    pub fn capabilities(self) -> u64 {
        self.raw.capabilities
    }

    /// Inode and device of the executed file.
    pub fn image_file(self) -> (u64, u64) {
        (self.raw.inode, self.raw.device)
    }

    /// Path of the executed file in the process's own root.
    pub fn exe(self) -> &'a [u8] {
        self.batch.bytes(self.raw.exe)
    }

    /// The command line: a NUL between arguments.
    pub fn command_line(self) -> &'a [u8] {
        self.batch.bytes(self.raw.args)
    }

    /// The arguments, the name that it was called by first.
    pub fn args(self) -> cmdline::Args<'a> {
        cmdline::Args::new(self.command_line())
    }

    /// Length of the whole command line in bytes.
    pub fn args_len(self) -> u32 {
        self.raw.args_len
    }

    /// Working directory.
    pub fn cwd(self) -> &'a [u8] {
        self.batch.bytes(self.raw.cwd)
    }

    /// Command name, which a process can set itself: for display only.
    pub fn comm(self) -> &'a [u8] {
        self.batch.bytes(self.raw.comm)
    }

    /// Standard input, output and error, those that are open.
    pub fn streams(self) -> impl ExactSizeIterator<Item = Stream<'a>> {
        let batch = self.batch;
        batch
            .rows(&batch.0.streams, self.raw.streams)
            .iter()
            .map(move |raw| Stream { batch, raw })
    }

    /// The stream behind this descriptor.
    pub fn stream(self, fd: u32) -> Option<Stream<'a>> {
        self.streams().find(|s| s.fd() == fd)
    }

    /// Standard input.
    pub fn stdin(self) -> Option<Stream<'a>> {
        self.stream(0)
    }

    /// Standard output.
    pub fn stdout(self) -> Option<Stream<'a>> {
        self.stream(1)
    }

    /// Standard error.
    pub fn stderr(self) -> Option<Stream<'a>> {
        self.stream(2)
    }

    /// Value of the attribute with this key.
    pub fn attr(self, key: u32) -> Option<u64> {
        self.batch.attr(self.raw.attrs, key).map(|a| a.value)
    }
}

impl std::fmt::Debug for Process<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.pid(), String::from_utf8_lossy(self.exe()))
    }
}

/// A process and its ancestors, nearest first.
#[derive(Clone)]
pub struct Lineage<'a> {
    next: Option<Process<'a>>,
    /// Rows of the table: ends a chain that bites its tail.
    left: usize,
}

impl<'a> Iterator for Lineage<'a> {
    type Item = Process<'a>;

    fn next(&mut self) -> Option<Process<'a>> {
        self.left = self.left.checked_sub(1)?;
        let this = self.next?;
        self.next = this.parent();
        Some(this)
    }
}

/// Numbers of a container's attributes: those of the catalogue's kind `container`.
mod attr {
    pub const DIGEST: u32 = 4;
    pub const LABEL: u32 = 5;
    pub const MOUNT: u32 = 6;
    pub const CAPABILITIES: u32 = 8;
    pub const POD_UID: u32 = 9;
    pub const OUTER: u32 = 10;
}

/// A container.
#[derive(Clone, Copy)]
pub struct Container<'a> {
    batch: Batch<'a>,
    raw: &'a raw::Container,
}

impl<'a> Container<'a> {
    /// Stable for the life of the container: the same in every batch.
    pub fn key(self) -> u64 {
        self.raw.key
    }

    /// The runtime's id; empty while it is not known.
    pub fn id(self) -> &'a [u8] {
        self.batch.bytes(self.raw.id)
    }

    /// The runtime's name of it; empty while it is not known.
    pub fn name(self) -> &'a [u8] {
        self.batch.bytes(self.raw.name)
    }

    /// Its image; empty while it is not known.
    pub fn image(self) -> &'a [u8] {
        self.batch.bytes(self.raw.image)
    }

    /// Its pod; empty where there is none.
    pub fn pod(self) -> &'a [u8] {
        self.batch.bytes(self.raw.pod)
    }

    /// The pod's namespace; empty where there is none.
    pub fn namespace(self) -> &'a [u8] {
        self.batch.bytes(self.raw.namespace)
    }

    /// Bits of [`container_mark`].
    pub fn marks(self) -> u32 {
        self.raw.marks
    }

    /// Whether it was started with every capability.
    pub fn is_privileged(self) -> bool {
        self.raw.marks & container_mark::PRIVILEGED != 0
    }

    /// Digest of its image; empty while it is not known.
    pub fn digest(self) -> &'a [u8] {
        self.texts(attr::DIGEST).next().unwrap_or_default()
    }

    /// Its labels, `KEY=VALUE` each.
    pub fn labels(self) -> impl Iterator<Item = &'a [u8]> {
        self.texts(attr::LABEL)
    }

    /// Value of the label with this key.
    pub fn label(self, key: &str) -> Option<&'a [u8]> {
        self.labels()
            .find_map(|label| label.strip_prefix(key.as_bytes())?.strip_prefix(b"="))
    }

    /// What of the machine is mounted into it, `SOURCE:DESTINATION:OPTIONS` each.
    pub fn mounts(self) -> impl Iterator<Item = &'a [u8]> {
        self.texts(attr::MOUNT)
    }

    /// Its bounding set of capabilities, once that is known.
    pub fn capabilities(self) -> Option<u64> {
        let found = self.batch.attr(self.raw.attrs, attr::CAPABILITIES);
        found.map(|a| a.value)
    }

    /// Uid of its pod; empty where there is none.
    pub fn pod_uid(self) -> &'a [u8] {
        self.texts(attr::POD_UID).next().unwrap_or_default()
    }

    /// Id of the container that it was made in; empty where it was made in none.
    pub fn outer(self) -> &'a [u8] {
        self.texts(attr::OUTER).next().unwrap_or_default()
    }

    fn texts(self, key: u32) -> impl Iterator<Item = &'a [u8]> {
        let batch = self.batch;
        let rows = batch.rows(&batch.0.attrs, self.raw.attrs).iter();
        rows.filter(move |a| a.key == key)
            .map(move |a| batch.bytes(a.text))
    }
}
