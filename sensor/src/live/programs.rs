//! The programs that are attached somewhere of their own, which kinds of event they serve, and
//! how each is loaded and attached. Those on the exit of system calls hang on the dispatcher and
//! are in [`super::syscalls`].

use crate::{probe::unified_root, types::Types};
use aya::{
    BtfError,
    programs::{
        CgroupAttachMode, Program, ProgramError,
        links::{FdLink, LinkError, PinnedLink},
    },
};
use std::{fs::File, io};
use thiserror::Error;
use vedette_contract::kind;

/// A program, or several of which one serves, at a place of the kernel's own.
pub(super) struct Attachment {
    /// Name of the program in the object and of the place that it is attached to, best first: the
    /// first that this kernel takes is used. What the place is (a tracepoint, an LSM hook, a
    /// function) is said by the program's section. A program of control groups has none: it hangs
    /// on the root of the unified ones.
    pub alternatives: &'static [(&'static str, &'static str)],
    /// The kinds that it serves: it is loaded and attached while any of them is wanted.
    pub kinds: &'static [u16],
    /// What happens without it.
    pub without: Without,
}

/// What happens without a program that the kernel refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Without {
    /// There is no sensor.
    Nothing,
    /// Its kinds, or a part of them, are not seen.
    Blind,
    /// Its kinds are seen all the same, from a worse place.
    Worse,
}

const fn required(
    alternatives: &'static [(&'static str, &'static str)],
    kinds: &'static [u16],
) -> Attachment {
    Attachment {
        alternatives,
        kinds,
        without: Without::Nothing,
    }
}

const fn optional(
    alternatives: &'static [(&'static str, &'static str)],
    kinds: &'static [u16],
) -> Attachment {
    Attachment {
        alternatives,
        kinds,
        without: Without::Blind,
    }
}

const fn better(
    alternatives: &'static [(&'static str, &'static str)],
    kinds: &'static [u16],
) -> Attachment {
    Attachment {
        alternatives,
        kinds,
        without: Without::Worse,
    }
}

/// The kinds that are told at the exit of a system call are none of the dispatcher's business: it
/// is attached always, and its bitmap says what it looks at.
const ALWAYS: &[u16] = &[kind::EXEC];

/// Every one of them.
#[rustfmt::skip]
pub(super) static ATTACHMENTS: &[Attachment] = &[
    required(&[("on_exec", "sched_process_exec")], &[kind::EXEC]),
    required(&[("on_fork", "sched_process_fork")], &[kind::FORK]),
    required(&[("on_exit", "sched_process_exit")], &[kind::EXIT]),
    required(&[("dispatch", "sys_exit")], ALWAYS),
    required(&[("on_cgroup_mkdir", "cgroup_mkdir")], &[kind::CGROUP]),
    required(&[("on_cgroup_rmdir", "cgroup_rmdir")], &[kind::CGROUP_REMOVED]),
    required(&[("on_cgroup_attach", "cgroup_attach_task")], &[kind::CGROUP_MOVE]),
    optional(&[("on_signal", "signal_generate")], &[kind::SIGNAL]),
    // Knows which side began a connection, which the streams of every exec and dup tell.
    required(&[("on_socket_state", "inet_sock_set_state")], &[kind::EXEC, kind::DISCONNECT]),
    // Gives modules their names; loading one, or trying to, is told at the exit of the call.
    better(&[("on_module_load", "module_load")], &[kind::MODULE]),
    optional(&[("on_egress", "")], &[kind::SENT, kind::TLS, kind::DNS, kind::ICMP]),
    optional(&[("on_ingress", "")], &[kind::RECEIVED, kind::DNS]),
    // Who holds a socket, before its first packet.
    optional(&[("on_socket_made", "")], &[kind::SENT, kind::RECEIVED, kind::DNS, kind::ICMP, kind::SEND, kind::SOCKET]),
    optional(&[("on_sendmsg4", "")], &[kind::SEND]),
    optional(&[("on_sendmsg6", "")], &[kind::SEND]),
    optional(&[("on_uring_create", "io_uring_create")], &[kind::IO_URING]),
    // An argument that only older kernels give is what tells them apart.
    optional(&[("on_uring_complete_parts", COMPLETE), ("on_uring_complete", COMPLETE)], BY_RING),
    optional(&[("on_uring_overflow", "io_uring_cqe_overflow")], BY_RING),
    optional(&[("on_uring_message", COMPLETE)], &[kind::PASSED, kind::SEND, kind::CONNECT]),
    // Before kernel 6.5 it was called after the entry of the queue.
    optional(&[("on_uring_submit", "io_uring_submit_req"), ("on_uring_submit", "io_uring_submit_sqe")], BY_RING),
    // What a name led to, where security modules include BPF.
    better(&[("see_rename", "path_rename")], &[kind::RENAME]),
    better(&[("see_unlink", "path_unlink")], &[kind::UNLINK]),
    better(&[("see_rmdir", "path_rmdir")], &[kind::UNLINK]),
    better(&[("see_link", "path_link")], &[kind::LINK]),
    better(&[("see_symlink", "path_symlink")], &[kind::SYMLINK]),
    better(&[("see_mkdir", "path_mkdir")], &[kind::MKDIR]),
    better(&[("see_mknod", "path_mknod")], &[kind::MKNOD]),
    better(&[("see_chmod", "path_chmod")], &[kind::CHMOD]),
    better(&[("see_chown", "path_chown")], &[kind::CHOWN]),
    better(&[("see_truncate", "path_truncate")], &[kind::TRUNCATE]),
];

const COMPLETE: &str = "io_uring_complete";

/// The kinds of what can be done through an io_uring. Those of a standard descriptor that a ring
/// replaces, which the context always wants, are told only while one of these is wanted too.
const BY_RING: &[u16] = &[
    kind::OPEN,
    kind::TERMINAL,
    kind::CONNECT,
    kind::ACCEPT,
    kind::BIND,
    kind::LISTEN,
    kind::SOCKET,
    kind::RENAME,
    kind::UNLINK,
    kind::LINK,
    kind::SYMLINK,
    kind::MKDIR,
    kind::TRUNCATE,
    kind::XATTR,
    kind::SPLICE,
    kind::PIPE,
];

/// Why a program serves nothing here.
#[derive(Debug, Error)]
pub(super) enum Refusal {
    /// The kernel, or aya, refused it.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// A link cannot be kept, or an iterator that was loaded cannot be run.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// There is nowhere to see packets, nor datagrams that are sent.
    #[error(
        "no unified control group hierarchy is mounted to attach to; mount one (mount -t cgroup2 none /sys/fs/cgroup/unified)"
    )]
    Packets,
    /// The place where they are seen cannot be opened.
    #[error("opening the root of the unified control groups: {0}")]
    Root(#[from] io::Error),
}

impl Refusal {
    /// In a few words: the innermost cause, which is what matters to people.
    pub(super) fn reason(&self) -> String {
        if let Refusal::Program(ProgramError::Btf(BtfError::UnknownBtfTypeName { type_name })) =
            self
        {
            let name = type_name
                .strip_prefix("btf_trace_")
                .or_else(|| type_name.strip_prefix("bpf_lsm_"))
                .unwrap_or(type_name);
            return format!("this kernel has no {name}");
        }
        if let Refusal::Program(ProgramError::LoadError {
            io_error,
            verifier_log,
        }) = self
            && let Some(objection) = objection(&verifier_log.to_string())
        {
            return format!("{io_error}: {objection}");
        }
        let mut cause: &dyn std::error::Error = self;
        while let Some(source) = cause.source() {
            cause = source;
        }
        cause.to_string()
    }
}

/// What the verifier's log says last, but for its own figures.
fn objection(log: &str) -> Option<&str> {
    let figures = ["processed ", "verification time ", "stack depth "];
    log.lines()
        .map(str::trim)
        .rfind(|line| !line.is_empty() && !figures.iter().any(|figure| line.starts_with(figure)))
}

/// An attached program.
pub(super) enum Link {
    /// Dropping it detaches the program, which stays loaded.
    Held(FdLink),
    /// It stays attached until its pin is removed.
    Pinned(PinnedLink),
}

impl Link {
    /// Detaches the program.
    pub(super) fn detach(self) {
        if let Link::Pinned(link) = self {
            // What cannot be removed is gone already.
            let _ = link.unpin();
        }
    }
}

/// Lets the kernel verify a program.
pub(super) fn load(program: &mut Program, place: &str, types: &Types) -> Result<(), Refusal> {
    let types = &types.places;
    match program {
        Program::BtfTracePoint(program) => program.load(place, types)?,
        Program::Lsm(program) => program.load(place, types)?,
        Program::FEntry(program) => program.load(place, types)?,
        Program::FExit(program) => program.load(place, types)?,
        Program::Iter(program) => program.load(place, types)?,
        Program::CgroupSkb(program) => program.load()?,
        Program::CgroupSock(program) => program.load()?,
        Program::CgroupSockAddr(program) => program.load()?,
        _ => return Err(ProgramError::UnexpectedProgramType.into()),
    }
    Ok(())
}

/// What programs of control groups hang on.
fn root() -> Result<File, Refusal> {
    Ok(File::open(unified_root().ok_or(Refusal::Packets)?)?)
}

/// Attaches a loaded program.
pub(super) fn attach(program: &mut Program) -> Result<Link, Refusal> {
    Ok(Link::Held(match program {
        Program::BtfTracePoint(program) => {
            let id = program.attach()?;
            program.take_link(id)?.into()
        }
        Program::Lsm(program) => {
            let id = program.attach()?;
            program.take_link(id)?.into()
        }
        Program::FEntry(program) => {
            let id = program.attach()?;
            program.take_link(id)?.into()
        }
        Program::FExit(program) => {
            let id = program.attach()?;
            program.take_link(id)?.into()
        }
        Program::CgroupSkb(program) => {
            let direction =
                (*program.expected_attach_type()).ok_or(ProgramError::UnexpectedProgramType)?;
            let id = program.attach(root()?, direction, CgroupAttachMode::Single)?;
            FdLink::try_from(program.take_link(id)?)?
        }
        Program::CgroupSock(program) => {
            let id = program.attach(root()?, CgroupAttachMode::Single)?;
            FdLink::try_from(program.take_link(id)?)?
        }
        Program::CgroupSockAddr(program) => {
            let id = program.attach(root()?, CgroupAttachMode::Single)?;
            FdLink::try_from(program.take_link(id)?)?
        }
        _ => return Err(ProgramError::UnexpectedProgramType.into()),
    }))
}

/// Begins a loaded iterator: reading the file runs it.
pub(super) fn begin(program: &mut Program) -> Result<File, Refusal> {
    let Program::Iter(program) = program else {
        return Err(ProgramError::UnexpectedProgramType.into());
    };
    let id = program.attach()?;
    Ok(program.take_link(id)?.into_file()?)
}

/// Runs a loaded iterator that writes nothing over all that it goes through.
pub(super) fn run(program: &mut Program) -> Result<(), Refusal> {
    let file = begin(program)?;
    io::copy(&mut &file, &mut io::sink()).map_err(ProgramError::IOError)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::syscalls::HANDLERS;
    use super::*;

    /// One without would be told as what this kernel cannot show.
    #[test]
    fn every_kind_of_the_kernel_s_has_a_program() {
        // What the agent tells itself, and what an iterator tells once.
        let made =
            |kind: &vedette_contract::Kind| kind.family == "agent" || kind.number == kind::EXISTING;
        for kind in vedette_contract::KINDS.iter().filter(|kind| !made(kind)) {
            let attached = ATTACHMENTS
                .iter()
                .any(|row| row.kinds.contains(&kind.number));
            let handled = HANDLERS.iter().any(|row| row.kinds.contains(&kind.number));
            assert!(attached || handled, "{}", kind.name);
        }
    }

    #[test]
    fn the_verifiers_objection_is_its_last_word() {
        let log = "func#0 @0\ninvalid func unknown#195896080\nverification time 12 usec\nstack depth 8\nprocessed 150 insns (limit 1000000)\n\n";
        assert_eq!(objection(log), Some("invalid func unknown#195896080"));
        assert_eq!(objection("processed 150 insns\n"), None);
    }

    #[test]
    fn what_the_kernel_lacks_is_named_as_people_know_it() {
        let lacking = |type_name: &str| {
            let type_name = type_name.to_owned();
            Refusal::from(ProgramError::from(BtfError::UnknownBtfTypeName {
                type_name,
            }))
        };
        for (type_name, reason) in [
            (
                "btf_trace_io_uring_create",
                "this kernel has no io_uring_create",
            ),
            ("bpf_lsm_file_open", "this kernel has no file_open"),
            ("commit_creds", "this kernel has no commit_creds"),
        ] {
            assert_eq!(lacking(type_name).reason(), reason);
        }
        let denied = Refusal::from(io::Error::from_raw_os_error(1));
        assert!(denied.reason().starts_with("Operation not permitted"));
    }
}
