//! Which system calls tell of which kinds of event, and which program looks at them.

use crate::filter::KindSet;
use libc::{
    SYS_accept, SYS_accept4, SYS_bind, SYS_bpf, SYS_capset, SYS_chroot, SYS_connect, SYS_dup,
    SYS_dup3, SYS_fcntl, SYS_finit_module, SYS_fsconfig, SYS_fsmount, SYS_fsopen, SYS_init_module,
    SYS_listen, SYS_memfd_create, SYS_mount, SYS_mount_setattr, SYS_move_mount,
    SYS_open_by_handle_at, SYS_open_tree, SYS_openat, SYS_openat2, SYS_pipe2, SYS_pivot_root,
    SYS_process_vm_readv, SYS_process_vm_writev, SYS_ptrace, SYS_setfsgid, SYS_setfsuid,
    SYS_setgid, SYS_setns, SYS_setregid, SYS_setresgid, SYS_setresuid, SYS_setreuid, SYS_setuid,
    SYS_socketpair, SYS_umount2, SYS_unshare,
};
#[cfg(target_arch = "x86_64")]
use libc::{SYS_creat, SYS_dup2, SYS_open, SYS_pipe};
use vedette_contract::kind;

/// A program that runs on the exit of some system calls.
pub(super) struct Handler {
    /// Name of the program in the object.
    pub program: &'static str,
    /// The kinds that it can tell of.
    pub kinds: &'static [u16],
    /// Numbers of the calls.
    pub calls: &'static [i64],
    /// Numbers of the same calls in the table for 32-bit programs (i386).
    pub compat: &'static [i64],
}

const fn handler(
    program: &'static str,
    kinds: &'static [u16],
    calls: &'static [i64],
    compat: &'static [i64],
) -> Handler {
    Handler {
        program,
        kinds,
        calls,
        compat,
    }
}

#[cfg(target_arch = "x86_64")]
const OPEN: &[i64] = &[SYS_open, SYS_creat, SYS_openat, SYS_openat2];
#[cfg(target_arch = "x86_64")]
const DUP: &[i64] = &[SYS_dup, SYS_dup2, SYS_dup3];
#[cfg(target_arch = "x86_64")]
const PIPE: &[i64] = &[SYS_pipe, SYS_pipe2];
#[cfg(not(target_arch = "x86_64"))]
const OPEN: &[i64] = &[SYS_openat, SYS_openat2];
#[cfg(not(target_arch = "x86_64"))]
const DUP: &[i64] = &[SYS_dup, SYS_dup3];
#[cfg(not(target_arch = "x86_64"))]
const PIPE: &[i64] = &[SYS_pipe2];

/// Calls of kernel 6.6, 6.13, 6.15 and 6.17, which the C library may not name yet; the same number on
/// every machine.
const SYS_FCHMODAT2: i64 = 452;
const SYS_SETXATTRAT: i64 = 463;
const SYS_REMOVEXATTRAT: i64 = 466;
const SYS_OPEN_TREE_ATTR: i64 = 467;
const SYS_FILE_SETATTR: i64 = 469;

/// The 32-bit call that `socketcall` stands for when it is given this number (`SYSCALLS` in
/// `bpf/maps.h`).
const fn socketcall(meant: i64) -> i64 {
    512 + meant
}

const MEMORY: &[u16] = &[kind::EXECUTABLE_MEMORY, kind::LIBRARY];

/// The calls after which credentials may be others.
const CREDENTIALS: &[i64] = &[
    SYS_setuid,
    SYS_setgid,
    SYS_setreuid,
    SYS_setregid,
    SYS_setresuid,
    SYS_setresgid,
    SYS_setfsuid,
    SYS_setfsgid,
    SYS_capset,
];

/// Number of `socketcall` in the table for 32-bit programs.
pub(super) const SOCKETCALL: usize = 102;

/// Every handler.
#[rustfmt::skip]
pub(super) static HANDLERS: &[Handler] = &[
    handler("on_open", &[kind::OPEN, kind::TERMINAL], OPEN, &[5, 8, 295, 437]),
    handler("on_open_by_handle", &[kind::OPEN], &[SYS_open_by_handle_at], &[342]),
    #[cfg(target_arch = "x86_64")]
    handler("on_rename", &[kind::RENAME], &[libc::SYS_rename], &[38]),
    handler("on_renameat", &[kind::RENAME], &[libc::SYS_renameat], &[302]),
    handler("on_renameat2", &[kind::RENAME], &[libc::SYS_renameat2], &[353]),
    #[cfg(target_arch = "x86_64")]
    handler("on_unlink", &[kind::UNLINK], &[libc::SYS_unlink], &[10]),
    #[cfg(target_arch = "x86_64")]
    handler("on_rmdir", &[kind::UNLINK], &[libc::SYS_rmdir], &[40]),
    handler("on_unlinkat", &[kind::UNLINK], &[libc::SYS_unlinkat], &[301]),
    #[cfg(target_arch = "x86_64")]
    handler("on_link", &[kind::LINK], &[libc::SYS_link], &[9]),
    handler("on_linkat", &[kind::LINK], &[libc::SYS_linkat], &[303]),
    #[cfg(target_arch = "x86_64")]
    handler("on_symlink", &[kind::SYMLINK], &[libc::SYS_symlink], &[83]),
    handler("on_symlinkat", &[kind::SYMLINK], &[libc::SYS_symlinkat], &[304]),
    #[cfg(target_arch = "x86_64")]
    handler("on_chmod", &[kind::CHMOD], &[libc::SYS_chmod], &[15]),
    handler("on_fchmod", &[kind::CHMOD], &[libc::SYS_fchmod], &[94]),
    handler("on_fchmodat", &[kind::CHMOD], &[libc::SYS_fchmodat], &[306]),
    handler("on_fchmodat2", &[kind::CHMOD], &[SYS_FCHMODAT2], &[452]),
    #[cfg(target_arch = "x86_64")]
    handler("on_chown", &[kind::CHOWN], &[libc::SYS_chown], &[182, 212]),
    #[cfg(target_arch = "x86_64")]
    handler("on_lchown", &[kind::CHOWN], &[libc::SYS_lchown], &[16, 198]),
    handler("on_fchown", &[kind::CHOWN], &[libc::SYS_fchown], &[95, 207]),
    handler("on_fchownat", &[kind::CHOWN], &[libc::SYS_fchownat], &[298]),
    handler("on_setxattr", &[kind::XATTR], &[libc::SYS_setxattr], &[226]),
    handler("on_lsetxattr", &[kind::XATTR], &[libc::SYS_lsetxattr], &[227]),
    handler("on_fsetxattr", &[kind::XATTR], &[libc::SYS_fsetxattr], &[228]),
    handler("on_setxattrat", &[kind::XATTR], &[SYS_SETXATTRAT], &[463]),
    handler("on_removexattr", &[kind::XATTR], &[libc::SYS_removexattr], &[235]),
    handler("on_lremovexattr", &[kind::XATTR], &[libc::SYS_lremovexattr], &[236]),
    handler("on_fremovexattr", &[kind::XATTR], &[libc::SYS_fremovexattr], &[237]),
    handler("on_removexattrat", &[kind::XATTR], &[SYS_REMOVEXATTRAT], &[466]),
    handler("on_ioctl", &[kind::FILE_FLAGS, kind::USERFAULTFD], &[libc::SYS_ioctl], &[54]),
    handler("on_file_setattr", &[kind::FILE_FLAGS], &[SYS_FILE_SETATTR], &[469]),
    handler("on_truncate", &[kind::TRUNCATE], &[libc::SYS_truncate], &[92, 193]),
    handler("on_ftruncate", &[kind::TRUNCATE], &[libc::SYS_ftruncate], &[93, 194]),
    #[cfg(target_arch = "x86_64")]
    handler("on_mknod", &[kind::MKNOD], &[libc::SYS_mknod], &[14]),
    handler("on_mknodat", &[kind::MKNOD], &[libc::SYS_mknodat], &[297]),
    #[cfg(target_arch = "x86_64")]
    handler("on_mkdir", &[kind::MKDIR], &[libc::SYS_mkdir], &[39]),
    handler("on_mkdirat", &[kind::MKDIR], &[libc::SYS_mkdirat], &[296]),
    handler("on_splice", &[kind::SPLICE], &[libc::SYS_splice], &[313]),
    handler("on_sendfile", &[kind::SPLICE], &[libc::SYS_sendfile], &[187, 239]),
    handler("on_vmsplice", &[kind::SPLICE], &[libc::SYS_vmsplice], &[]),
    handler("on_connect", &[kind::CONNECT], &[SYS_connect], &[socketcall(3), 362]),
    handler("on_accept", &[kind::ACCEPT], &[SYS_accept, SYS_accept4], &[socketcall(5), socketcall(18), 364]),
    handler("on_bind", &[kind::BIND], &[SYS_bind], &[socketcall(2), 361]),
    handler("on_listen", &[kind::LISTEN], &[SYS_listen], &[socketcall(4), 363]),
    handler("on_socket", &[kind::SOCKET], &[libc::SYS_socket], &[socketcall(1), 359]),
    handler("on_sendto", &[kind::SEND], &[libc::SYS_sendto], &[socketcall(11), 369]),
    handler("on_sendmsg", &[kind::SEND], &[libc::SYS_sendmsg], &[socketcall(16), 370]),
    handler("on_sendmmsg", &[kind::SEND], &[libc::SYS_sendmmsg], &[socketcall(20), 345]),
    handler("on_recvmsg", &[kind::PASSED], &[libc::SYS_recvmsg], &[socketcall(17), 372]),
    handler("on_recvmmsg", &[kind::PASSED], &[libc::SYS_recvmmsg], &[socketcall(19), 337, 417]),
    handler("on_pidfd_getfd", &[kind::PASSED], &[libc::SYS_pidfd_getfd], &[438]),
    handler("on_dup", &[kind::DUP], DUP, &[41, 63, 330]),
    handler("on_fcntl", &[kind::DUP], &[SYS_fcntl], &[55, 221]),
    handler("on_pipe", &[kind::PIPE], PIPE, &[42, 331]),
    handler("on_socketpair", &[kind::SOCKETPAIR], &[SYS_socketpair], &[socketcall(8), 360]),
    handler("on_credentials", &[kind::CREDENTIALS], CREDENTIALS, &[
        23, 46, 70, 71, 138, 139, 164, 170, 185, 203, 204, 208, 210, 213, 214, 215, 216,
    ]),
    // No call: the dispatcher's way to a program of its own.
    handler("on_unexplained", &[kind::CREDENTIALS], &[511], &[]),
    handler("on_setns", &[kind::SETNS], &[SYS_setns], &[346]),
    handler("on_unshare", &[kind::UNSHARE], &[SYS_unshare], &[310]),
    handler("on_mount", &[kind::MOUNT], &[SYS_mount], &[21]),
    handler("on_umount", &[kind::MOUNT], &[SYS_umount2], &[22, 52]),
    handler("on_move_mount", &[kind::MOUNT], &[SYS_move_mount], &[429]),
    handler("on_open_tree", &[kind::MOUNT], &[SYS_open_tree, SYS_OPEN_TREE_ATTR], &[428, 467]),
    handler("on_fspick", &[kind::MOUNT], &[libc::SYS_fspick], &[433]),
    handler("on_fsopen", &[kind::MOUNT], &[SYS_fsopen], &[430]),
    handler("on_fsconfig", &[kind::MOUNT], &[SYS_fsconfig], &[431]),
    handler("on_fsmount", &[kind::MOUNT], &[SYS_fsmount], &[432]),
    handler("on_pivot_root", &[kind::MOUNT], &[SYS_pivot_root], &[217]),
    handler("on_chroot", &[kind::MOUNT], &[SYS_chroot], &[61]),
    handler("on_mount_setattr", &[kind::MOUNT], &[SYS_mount_setattr], &[442]),
    handler("on_ptrace", &[kind::PTRACE], &[SYS_ptrace], &[26]),
    handler("on_process_vm_readv", &[kind::PROCESS_MEMORY], &[SYS_process_vm_readv], &[347]),
    handler("on_process_vm_writev", &[kind::PROCESS_MEMORY], &[SYS_process_vm_writev], &[348]),
    handler("on_memfd_create", &[kind::MEMFD], &[SYS_memfd_create], &[356]),
    handler("on_init_module", &[kind::MODULE], &[SYS_init_module], &[128]),
    handler("on_finit_module", &[kind::MODULE], &[SYS_finit_module], &[350]),
    handler("on_bpf", &[kind::BPF], &[SYS_bpf], &[357]),
    handler("on_perf_event_open", &[kind::PERF_EVENT], &[libc::SYS_perf_event_open], &[336]),
    handler("on_mmap", MEMORY, &[libc::SYS_mmap], &[90, 192]),
    handler("on_mprotect", MEMORY, &[libc::SYS_mprotect, libc::SYS_pkey_mprotect], &[125, 380]),
    handler("on_shmat", MEMORY, &[libc::SYS_shmat], &[397]),
    handler("on_ipc", MEMORY, &[], &[117]),
    handler("on_userfaultfd", &[kind::USERFAULTFD], &[libc::SYS_userfaultfd], &[374]),
    handler("on_keyctl", &[kind::KEYCTL], &[libc::SYS_keyctl], &[288]),
    handler("on_add_key", &[kind::KEYCTL], &[libc::SYS_add_key], &[286]),
    handler("on_request_key", &[kind::KEYCTL], &[libc::SYS_request_key], &[287]),
];

/// Bit set over the numbers of system calls, as the dispatcher reads it.
pub(super) type Calls = [u64; 8];
/// The same over the 32-bit table, with the calls that socketcall stands for behind it.
pub(super) type CompatCalls = [u64; 9];

/// The system calls that the dispatcher must look at for these kinds: by the machine's own
/// numbers and by those of the 32-bit table.
pub(super) fn calls_for(kinds: KindSet) -> (Calls, CompatCalls) {
    let (mut own, mut compat) = (Calls::default(), CompatCalls::default());
    for handler in HANDLERS {
        if kinds.has_any(handler.kinds) {
            for call in handler.calls {
                own[*call as usize >> 6] |= 1 << (call & 63);
            }
            // The table is that of i386; other machines' 32-bit programs go unnoticed.
            for call in handler
                .compat
                .iter()
                .filter(|_| cfg!(target_arch = "x86_64"))
            {
                compat[*call as usize >> 6] |= 1 << (call & 63);
            }
        }
    }
    (own, compat)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_wants_is_not_looked_at() {
        assert_eq!(calls_for(KindSet::default()), Default::default());
        let (own, _) = calls_for(KindSet::default().with(kind::UNSHARE));
        let bits: u32 = own.iter().map(|word| word.count_ones()).sum();
        assert_eq!(bits, 1);
        assert_eq!(own[SYS_unshare as usize >> 6] >> (SYS_unshare & 63) & 1, 1);
    }

    #[test]
    fn a_call_has_one_handler() {
        let mut seen = std::collections::BTreeSet::new();
        for handler in HANDLERS {
            for call in handler.calls {
                assert!(seen.insert(call), "{} on call {call}", handler.program);
            }
        }
    }

    #[test]
    fn every_number_fits_the_bit_set() {
        for handler in HANDLERS {
            for call in handler.calls {
                assert!((0..512).contains(call), "{}", handler.program);
            }
            for call in handler.compat {
                assert!((0..576).contains(call), "{}", handler.program);
            }
        }
    }
}
